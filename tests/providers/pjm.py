"""PJM Data Miner 2: key in a header, rows numbered from 1, a range of Eastern times as text.

Known from the provider's guide and its clients: the header, `startRow`, `rowCount` up to 50,000, ranges
whose end is included, `items`, `totalRows` and `errors`, the gateway's refusal of a key. The texts
of its errors are assumed, the values invented.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from tests.providers.faults import FaultScript
from tests.providers.service import first_of, hours_of_day, megawatts, provider_service

ORIGIN = "https://api.pjm.com"
EASTERN = ZoneInfo("America/New_York")
MAX_ROWS = 50_000
_ZONES = {51291: "AECO", 51292: "BGE", 51293: "DPL"}


def price_rows(day: datetime) -> list[dict[str, Any]]:
    """Day-ahead LMP by zone, hourly, with the hour's start in UTC and in Eastern time."""
    return [
        {
            "datetime_beginning_utc": f"{hour.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
            "datetime_beginning_ept": f"{hour:%Y-%m-%dT%H:%M:%S}",
            "pnode_id": number,
            "pnode_name": name,
            "type": "ZONE",
            "total_lmp_da": megawatts(hour, number % 5) / 40,
            "congestion_price_da": 0 if hour.hour % 2 else -0.5,
            "row_is_current": True,
        }
        for hour in hours_of_day(day, EASTERN)
        for number, name in _ZONES.items()
    ]


def create_pjm_api(api_key: str, faults: FaultScript | None = None, max_rows: int = MAX_ROWS) -> ASGIApp:
    """The service; a page has at most `max_rows` rows, whatever is requested."""

    def answer(request: Request, _body: bytes) -> Response:
        query = request.query_params
        if request.headers.get("ocp-apim-subscription-key") != api_key:
            message = "Access denied due to invalid subscription key. Make sure to provide a valid key."
            return JSONResponse({"statusCode": 401, "message": message}, status_code=401)
        if request.url.path != "/api/v1/da_hrl_lmps":
            return JSONResponse({"statusCode": 404, "message": "Resource not found"}, status_code=404)
        first, _, last = first_of(query, "datetime_beginning_ept").partition(" to ")
        if not last:
            errors = [{"field": "datetime_beginning_ept", "message": "Invalid date range"}]
            return JSONResponse({"errors": errors}, status_code=400)
        rows = _rows_between(_moment(first), _moment(last))
        skipped, count = int(query["startRow"]) - 1, min(int(query["rowCount"]), max_rows)
        items = rows[skipped : skipped + count]
        return JSONResponse({"links": [], "items": items, "searchSpecification": {}, "totalRows": len(rows)})

    return provider_service(answer, faults)


def _rows_between(first: datetime, last: datetime) -> list[dict[str, Any]]:
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    times = f"{first:%Y-%m-%dT%H:%M:%S}", f"{last:%Y-%m-%dT%H:%M:%S}"
    rows = [row for day in days for row in price_rows(day)]
    return [row for row in rows if times[0] <= row["datetime_beginning_ept"] <= times[1]]


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%m-%d-%Y %H:%M").replace(tzinfo=EASTERN)
