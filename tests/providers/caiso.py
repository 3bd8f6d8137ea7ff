"""CAISO OASIS: every response is a ZIP archive; errors are XML with a code in an HTTP 200.

Known from the provider's interface specification and its clients: `SingleZip`, times in UTC, a CSV
for `resultformat=6` and its columns, the components, code 1000 for no data, 429 with a page of HTML.
The other codes, the names of items and files are assumed, the values invented.
"""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

from tests.providers.faults import FaultScript
from tests.providers.service import first_of, hours_between, megawatts, provider_service

ORIGIN = "https://oasis.caiso.com"
MAX_DAYS = 31
NO_DATA = "1000"
PACIFIC = ZoneInfo("America/Los_Angeles")
_HEADER = (
    "INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,OPR_DT,OPR_HR,OPR_INTERVAL,NODE_ID_XML,NODE_ID,NODE,"
    "MARKET_RUN_ID,LMP_TYPE,XML_DATA_ITEM,PNODE_RESMRID,GRP_TYPE,POS,MW,GROUP"
)
_ITEMS = {
    "LMP": "LMP_PRC",
    "MCC": "LMP_CONG_PRC",
    "MCE": "LMP_ENE_PRC",
    "MCL": "LMP_LOSS_PRC",
    "MGHG": "LMP_GHG_PRC",
}
_ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<m:OASISReport xmlns:m="http://www.caiso.com/soa/OASISReport_v1.xsd">
<m:MessageHeader><m:Source>OASIS</m:Source></m:MessageHeader><m:MessagePayload><m:RTO><m:name>CAISO</m:name>
<m:ERROR><m:ERR_CODE>{code}</m:ERR_CODE><m:ERR_DESC>{text}</m:ERR_DESC></m:ERROR></m:RTO></m:MessagePayload>
</m:OASISReport>"""


def price_csv(start: datetime, end: datetime, nodes: list[str]) -> str:
    """Day-ahead LMP and its components of one operating day, a row for each hour, node and component."""
    lines = [_HEADER]
    for group, node in enumerate(nodes, 1):
        for position, (kind, item) in enumerate(_ITEMS.items()):
            for number, hour in enumerate(hours_between(start, end), 1):
                until, price = hour + timedelta(hours=1), megawatts(hour, group + position) / 40
                times = f"{hour:%Y-%m-%dT%H:%M:%S}-00:00,{until:%Y-%m-%dT%H:%M:%S}-00:00"
                lines.append(
                    f"{times},{hour.astimezone(PACIFIC):%Y-%m-%d},{number},0,{node},{node},{node},"
                    f"DAM,{kind},{item},{node},ALL,{position},{price:.5f},{group}"
                )
    return "\n".join(lines) + "\n"


def create_caiso_oasis(
    first_day: datetime, faults: FaultScript | None = None, requests_allowed: int = 1000
) -> ASGIApp:
    """The service.

    Args:
        first_day: It has no data before.
        faults: What to send instead.
        requests_allowed: How many it answers before it says 429.
    """
    answered = 0

    def answer(request: Request, _body: bytes) -> Response:
        nonlocal answered
        answered += 1
        if answered > requests_allowed:
            return HTMLResponse("<html>Too many requests, please retry after 5 seconds</html>", 429)
        query = request.query_params
        if request.url.path != "/oasisapi/SingleZip":
            return HTMLResponse("<html>Not Found</html>", 404)
        if first_of(query, "queryname") != "PRC_LMP":
            return _archive("INVALID_REQUEST.xml", _ERROR.format(code="1002", text="Invalid query name"))
        start, end = _moment(query["startdatetime"]), _moment(query["enddatetime"])
        if end - start > timedelta(days=MAX_DAYS):
            text = f"You have exceeded the maximum of {MAX_DAYS} days allowed for a single query"
            return _archive("INVALID_REQUEST.xml", _ERROR.format(code="1004", text=text))
        if start < first_day:
            text = "No data returned for the specified selection"
            return _archive("NO_DATA.xml", _ERROR.format(code=NO_DATA, text=text))
        nodes = query["node"].split(",")
        return _archive(f"{start:%Y%m%d}_PRC_LMP_DAM.csv", price_csv(start, end, nodes))

    return provider_service(answer, faults)


def _archive(name: str, text: str) -> Response:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, text)
    return Response(archive.getvalue(), media_type="application/x-zip-compressed")


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H:%M-0000").replace(tzinfo=UTC)
