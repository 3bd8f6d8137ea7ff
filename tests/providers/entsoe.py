"""ENTSO-E transparency platform: token in the query, namespaced XML, acknowledgements for "no data".

Known from the provider's guide and its clients: the parameters, documents of TimeSeries, Period and
Point, reason 999 and its text for no data, the same
reason for too many instances, at most a year at once. The other texts, and a 401 in plain
text, are assumed, the values invented.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from tests.providers.faults import FaultScript
from tests.providers.service import first_of, hours_between, megawatts, provider_service

ORIGIN = "https://web-api.tp.entsoe.eu"
_MAX_SPAN = timedelta(days=366)
_DOCUMENTS = {
    "A44": ("Publication_MarketDocument", "publicationdocument:7:3", "price.amount"),
    "A65": ("GL_MarketDocument", "generationloaddocument:3:0", "quantity"),
}
_ACKNOWLEDGEMENT = """<?xml version="1.0" encoding="UTF-8"?>
<Acknowledgement_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0">
<mRID>1</mRID><Reason><code>999</code><text>{text}</text></Reason></Acknowledgement_MarketDocument>"""


def points(start: datetime, end: datetime) -> list[tuple[int, float]]:
    """Position, from 1, and value of each hour."""
    return [(number, megawatts(hour)) for number, hour in enumerate(hours_between(start, end), 1)]


def create_entsoe_api(
    token: str, first_day: datetime, faults: FaultScript | None = None, *, max_instances: int = 1000
) -> ASGIApp:
    """The service; before `first_day` it has no data, and it returns no more than `max_instances` hours."""

    def answer(request: Request, _body: bytes) -> Response:
        query = request.query_params
        if first_of(query, "securityToken") != token:
            text = "Unauthorized. Missing or invalid security token."
            return PlainTextResponse(text, status_code=401)
        kind = first_of(query, "documentType")
        if kind not in _DOCUMENTS:
            return _xml(
                _ACKNOWLEDGEMENT.format(text=f"The combination of [DocumentType={kind}] is not valid")
            )
        start, end = _moment(query["periodStart"]), _moment(query["periodEnd"])
        if end - start > _MAX_SPAN:
            text = "The amount of requested data exceeds allowed limit: more than one year"
            return _xml(_ACKNOWLEDGEMENT.format(text=text), 400)
        if start < first_day:
            text = (
                f"No matching data found for Data item [{kind}] and interval {start:%Y-%m-%dT%H:%M:%S.000Z}"
            )
            return _xml(_ACKNOWLEDGEMENT.format(text=text))
        instances = len(hours_between(start, end))
        if instances > max_instances:
            text = f"The number of instances ({instances}) exceeds the allowed maximum ({max_instances})"
            return _xml(_ACKNOWLEDGEMENT.format(text=text))
        return _xml(_document(kind, start, end))

    return provider_service(answer, faults)


def _document(kind: str, start: datetime, end: datetime) -> str:
    root, namespace, value = _DOCUMENTS[kind]
    interval = f"<start>{start:%Y-%m-%dT%H:%MZ}</start><end>{end:%Y-%m-%dT%H:%MZ}</end>"
    listed = "".join(
        f"<Point><position>{position}</position><{value}>{amount}</{value}></Point>"
        for position, amount in points(start, end)
    )
    period = f"<Period><timeInterval>{interval}</timeInterval><resolution>PT60M</resolution>{listed}</Period>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="urn:iec62325.351:tc57wg16:451-3:{namespace}">'
        f"<mRID>9</mRID><type>{kind}</type>\n"
        f'<TimeSeries><mRID>1</mRID><in_Domain.mRID codingScheme="A01">10YNL----------L</in_Domain.mRID>'
        f"{period}</TimeSeries></{root}>"
    )


def _xml(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="text/xml")


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=UTC)
