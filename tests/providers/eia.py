"""EIA API v2: key in the query, offset and length with a total, numbers as text, at most 5,000 rows.

Known from the provider's documentation and its clients: the path, the parameters, an `end` that is
included, periods that name the hour's end in UTC, the wrapper `response`, the limit with its warning,
and the error codes. The texts of its errors are assumed, the values invented.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from tests.providers.faults import FaultScript
from tests.providers.service import first_of, hours_between, megawatts, provider_service

ORIGIN = "https://api.eia.gov"
MAX_ROWS = 5000
_PATH = "/v2/electricity/rto/region-data/data/"


def demand_rows(start: datetime, end: datetime, respondent: str) -> list[dict[str, str]]:
    """Hourly demand of a balancing authority, of the hours that end from `start` to `end`, in UTC."""
    return [
        {
            "period": f"{hour:%Y-%m-%dT%H}",
            "respondent": respondent,
            "respondent-name": "ISO New England",
            "type": "D",
            "type-name": "Demand",
            "value": str(megawatts(hour)),
            "value-units": "megawatthours",
        }
        for hour in hours_between(start, end + timedelta(hours=1))
    ]


def create_eia_api(api_key: str, faults: FaultScript | None = None, max_rows: int = MAX_ROWS) -> ASGIApp:
    """The service.

    Args:
        api_key: The key it takes.
        faults: What to send instead.
        max_rows: How many rows it gives at once, whatever length is asked for.
    """

    def answer(request: Request, _body: bytes) -> Response:
        query = request.query_params
        if first_of(query, "api_key") != api_key:
            code = "API_KEY_INVALID" if "api_key" in query else "API_KEY_MISSING"
            message = "No api_key was supplied. Please register for one at https://www.eia.gov/opendata/"
            if code == "API_KEY_INVALID":
                message = f"An invalid api_key was supplied: {query['api_key']}"
            return JSONResponse({"error": {"code": code, "message": message}}, status_code=403)
        if request.url.path != _PATH:
            return JSONResponse({"error": "Not found.", "code": 404}, status_code=404)
        if first_of(query, "frequency") != "hourly":
            # as an error in an HTTP 200, as reported by clients
            return JSONResponse({"error": "Invalid frequency. The options are: hourly.", "code": 200})
        rows = demand_rows(
            _moment(query["start"]), _moment(query["end"]), first_of(query, "facets[respondent][]")
        )
        skipped, length = int(query["offset"]), min(int(query["length"]), max_rows)
        response: dict[str, Any] = {"total": str(len(rows)), "data": rows[skipped : skipped + length]}
        if len(rows) > max_rows:
            response["warnings"] = [{"warning": "incomplete return", "description": "too many rows"}]
        return JSONResponse({"response": response, "request": {"command": _PATH}, "apiVersion": "2.1.8"})

    return provider_service(answer, faults)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)
