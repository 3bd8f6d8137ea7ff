"""Open-Meteo: an object of equally long lists, errors with a reason.

Known from the provider's documentation: the parameters, `hourly` and `hourly_units`, the body of
an error. The values are invented.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from tests.providers.faults import FaultScript
from tests.providers.service import first_of, hours_between, megawatts, provider_service

ORIGIN = "https://api.open-meteo.com"
_UNITS = {
    "temperature_2m": "°C",
    "dew_point_2m": "°C",
    "wind_speed_10m": "km/h",
    "shortwave_radiation": "W/m²",
}


def hourly_lists(start: datetime, end: datetime, variables: list[str]) -> dict[str, list[Any]]:
    """Times, in UTC without an offset, and each variable's values; the last hour has none yet."""
    hours = hours_between(start, end)
    lists: dict[str, list[Any]] = {"time": [f"{hour:%Y-%m-%dT%H:%M}" for hour in hours]}
    for place, name in enumerate(variables):
        known = [round(megawatts(hour, place) / 100, 1) for hour in hours[:-1]]
        lists[name] = [*known, None]
    return lists


def create_open_meteo_api(faults: FaultScript | None = None, error_status: int = 400) -> ASGIApp:
    """The service; its errors have `error_status`."""

    def answer(request: Request, _body: bytes) -> Response:
        query = request.query_params
        variables = first_of(query, "hourly").split(",")
        unknown = next((name for name in variables if name not in _UNITS), None)
        if unknown is not None:
            reason = f"Data corrupted at path ''. Cannot initialize WeatherVariable from '{unknown}'."
            return JSONResponse({"error": True, "reason": reason}, status_code=error_status)
        start = _day(query["start_date"])
        lists = hourly_lists(start, _day(query["end_date"]) + timedelta(days=1), variables)
        units = {"time": "iso8601", **{name: _UNITS[name] for name in variables}}
        place = {"latitude": float(query["latitude"]), "longitude": float(query["longitude"])}
        return JSONResponse({**place, "timezone": "GMT", "hourly_units": units, "hourly": lists})

    return provider_service(answer, faults)


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
