"""ERCOT public API: OAuth2 password grant and a subscription key, header and rows, page numbers.

Known from the provider's guide and its clients: the URLs, the form of the grant, `id_token` valid for
an hour, the two headers, ranges whose end is included, `_meta.totalPages`, `fields` and `data`, the flag
of the repeated hour. The texts of its errors are assumed, the values invented.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from tests.providers.faults import FaultScript
from tests.providers.service import hours_of_day, megawatts, provider_service

ORIGIN = "https://api.ercot.com"
TOKEN_ORIGIN = "https://ercotb2c.b2clogin.com"
CENTRAL = ZoneInfo("America/Chicago")
_TOKEN_PATH = "/ercotb2c.onmicrosoft.com/B2C_1_PUBAPI-ROPC-FLOW/oauth2/v2.0/token"
_CLIENT_ID = "fec253ea-0d06-4272-a5e6-b478baeecd70"
_LOAD_FIELDS = ("operatingDay", "hourEnding", "north", "south", "west", "houston", "total", "DSTFlag")
_PRICE_FIELDS = ("deliveryDate", "hourEnding", "settlementPoint", "settlementPointPrice", "DSTFlag")
_POINTS = ("HB_HOUSTON", "LZ_NORTH", "LZ_WEST")


def load_rows(day: datetime) -> list[list[Any]]:
    """Hourly load by forecast zone; the hour that comes twice has its flag set the second time."""
    rows = []
    for hour in hours_of_day(day, CENTRAL):
        zones = [megawatts(hour, place) for place in range(4)]
        rows.append([f"{day:%Y-%m-%d}", _hour_ending(hour), *zones, round(sum(zones), 2), bool(hour.fold)])
    return rows


def price_rows(day: datetime) -> list[list[Any]]:
    """Day-ahead settlement point prices, hourly."""
    return [
        [f"{day:%Y-%m-%d}", _hour_ending(hour), point, megawatts(hour, place) / 40, bool(hour.fold)]
        for hour in hours_of_day(day, CENTRAL)
        for place, point in enumerate(_POINTS)
    ]


_REPORTS = {
    "/api/public-reports/np6-346-cd/act_sys_load_by_fzn": (_LOAD_FIELDS, load_rows),
    "/api/public-reports/np4-190-cd/dam_stlmnt_pnt_prices": (_PRICE_FIELDS, price_rows),
}


class ErcotService:
    """The state of the service: the tokens it has handed out and still takes."""

    def __init__(self, username: str, password: str, subscription_key: str, max_rows: int = 10_000) -> None:
        self._login = {"username": [username], "password": [password]}
        self._key = subscription_key
        self._max_rows = max_rows
        self.grants = 0
        self.good_tokens: set[str] = set()

    def app(self, faults: FaultScript | None = None) -> ASGIApp:
        """The service as an ASGI app, its token endpoint included."""
        return provider_service(self._answer, faults)

    def _answer(self, request: Request, body: bytes) -> Response:
        if request.url.path == _TOKEN_PATH:
            return self._token(parse_qs(body.decode()))
        if request.headers.get("ocp-apim-subscription-key") != self._key:
            message = "Access denied due to invalid subscription key. Make sure to provide a valid key."
            return JSONResponse({"statusCode": 401, "message": message}, status_code=401)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.good_tokens:
            message = "Unauthorized. Access token is missing or invalid."
            return JSONResponse({"statusCode": 401, "message": message}, status_code=401)
        if request.url.path not in _REPORTS:
            return JSONResponse({"statusCode": 404, "message": "Resource not found"}, status_code=404)
        return self._report(request)

    def _token(self, form: dict[str, list[str]]) -> Response:
        expected = {
            **self._login,
            "grant_type": ["password"],
            "client_id": [_CLIENT_ID],
            "scope": [f"openid {_CLIENT_ID} offline_access"],
            "response_type": ["id_token"],
        }
        if form != expected:
            text = "AADB2C90225: The username or password provided in the request are invalid."
            return JSONResponse({"error": "access_denied", "error_description": text}, status_code=400)
        self.grants += 1
        token = f"sandbox-id-token-{self.grants}"
        self.good_tokens.add(token)
        return JSONResponse({"id_token": token, "token_type": "Bearer", "id_token_expires_in": "3600"})

    def _report(self, request: Request) -> Response:
        query = request.query_params
        fields, rows_of = _REPORTS[request.url.path]
        asked = [text for name, text in query.items() if name.endswith(("From", "To"))]
        try:
            first, last = (datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=CENTRAL) for text in asked)
        except ValueError:
            message = f"Invalid date: {', '.join(asked)}"
            return JSONResponse({"error_key": "bad_request", "message": message})
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        rows = [row for day in days for row in rows_of(day)]
        size, page = min(int(query["size"]), self._max_rows), int(query["page"])
        meta = {"totalRecords": len(rows), "pageSize": size, "totalPages": -(-len(rows) // size)}
        return JSONResponse(
            {
                "_meta": {**meta, "currentPage": page},
                "report": {"reportTypeId": 1},
                "fields": [{"name": name, "label": name, "sortable": True} for name in fields],
                "data": rows[(page - 1) * size : page * size],
            }
        )


def _hour_ending(hour: datetime) -> str:
    return f"{hour.hour + 1:02}:00"
