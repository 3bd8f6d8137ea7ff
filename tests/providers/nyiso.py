"""NYISO public data: a CSV file for each day, in Eastern time without an offset; 404 if there is none.

Known from the provider's site and its clients: the URLs, the quoted header of `pal` with its
column for the time zone, five-minute steps. The values are invented.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp

from tests.providers.faults import FaultScript
from tests.providers.service import hours_of_day, megawatts, provider_service

ORIGIN = "https://mis.nyiso.com"
EASTERN = ZoneInfo("America/New_York")
_ZONES = {"CAPITL": 61757, "CENTRL": 61754, "N.Y.C.": 61761}
_FILE = re.compile(r"/public/csv/(pal|damlbmp)/(\d{8})(pal|damlbmp_zone)\.csv")


def load_csv(day: datetime) -> str:
    """Load by zone every five minutes: 288 steps, 276 or 300 when the clocks change."""
    lines = ['"Time Stamp","Time Zone","Name","PTID","Load"']
    for hour in hours_of_day(day, EASTERN):
        for minute in range(0, 60, 5):
            moment = (hour.astimezone(UTC) + timedelta(minutes=minute)).astimezone(EASTERN)
            lines += [
                f'"{moment:%m/%d/%Y %H:%M:%S}","{moment:%Z}","{name}",{ptid},{megawatts(moment, ptid % 7)}'
                for name, ptid in _ZONES.items()
            ]
    return "\r\n".join(lines) + "\r\n"


def price_csv(day: datetime) -> str:
    """Day-ahead LBMP by zone, hourly."""
    components = '"LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","Marginal Cost Congestion ($/MWHr)"'
    lines = [f'"Time Stamp","Name","PTID",{components}']
    for moment in hours_of_day(day, EASTERN):
        lines += [
            f'"{moment:%m/%d/%Y %H:%M}","{name}",{ptid},{megawatts(moment, ptid % 7) / 40:.2f},1.50,-0.00'
            for name, ptid in _ZONES.items()
        ]
    return "\n".join(lines) + "\n"


def create_nyiso_files(last_day: datetime, faults: FaultScript | None = None) -> ASGIApp:
    """The service; files after `last_day` are not there yet."""

    def answer(request: Request, _body: bytes) -> Response:
        match = _FILE.fullmatch(request.url.path)
        day = datetime.strptime(match[2], "%Y%m%d").replace(tzinfo=EASTERN) if match else None
        if match is None or day is None or day > last_day:
            return HTMLResponse("<html><body><h1>Not Found</h1></body></html>", status_code=404)
        return PlainTextResponse(
            load_csv(day) if match[1] == "pal" else price_csv(day), media_type="text/csv"
        )

    return provider_service(answer, faults)
