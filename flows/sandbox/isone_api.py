"""A synthetic ISO New England web service with the authentication, formats and documents of the real one.

Like the real service it responds with 401 and an HTML page to wrong credentials, sends XML unless the request
accepts JSON, compresses with gzip if the request accepts that, and responds with 200 and an empty wrapper if
there is no data. For a malformed day it responds with 400 and HTML; the real response is not known.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hmac
import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from flows.sandbox.isone_calendar import EASTERN, midnight, timestamp
from flows.sandbox.isone_operations import fuel_mix, latest_fuel_mix, morning_report, seven_day_forecast
from flows.sandbox.isone_prices import hourly_lmps, locations, system_locations
from flows.sandbox.isone_xml import as_xml

BASE_PATH = "/api/v1.1"
_GZIP_LEVEL = 1
_DATASETS = r"hourlylmp/(?P<dataset>da/final|rt/final|rt/prelim)"
# the records of a resource for the match of its path and the current time
_Records = Callable[[re.Match[str], datetime], list[dict[str, Any]]]


def _day(match: re.Match[str]) -> date:
    return date.fromisoformat(match["day"])


def _if_published(
    day: date, last: date, records: Callable[[date], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    return records(day) if day <= last else []


def _lmps_of_day(match: re.Match[str], now: datetime) -> list[dict[str, Any]]:
    parts = match.groupdict()
    # day-ahead prices are published a day ahead
    last = now.date() + timedelta(days=1 if match["dataset"].startswith("da") else 0)
    wanted = parts.get("location")
    at = [place for place in locations() if wanted is None or place["@LocId"] == wanted]
    hour = int(parts["hour"]) if parts.get("hour") else None
    return _if_published(_day(match), last, lambda day: hourly_lmps(day, match["dataset"], at, hour))


def _resources() -> dict[str, tuple[str, str, _Records]]:
    """Path pattern → name of the wrapper, name of the list inside, its records."""
    lmp, forecast, report, mix = (
        ("HourlyLmps", "HourlyLmp"),
        ("SevenDayForecasts", "SevenDayForecast"),
        ("MorningReports", "MorningReport"),
        ("GenFuelMixes", "GenFuelMix"),
    )
    by_day = r"/day/(?P<day>\d{8})"
    return {
        rf"{_DATASETS}/current": (
            *lmp,
            lambda m, now: hourly_lmps(now.date(), m["dataset"], system_locations()),
        ),
        rf"{_DATASETS}/current/all": (
            *lmp,
            lambda m, now: hourly_lmps(now.date(), m["dataset"], locations()),
        ),
        rf"{_DATASETS}{by_day}": (*lmp, _lmps_of_day),
        rf"{_DATASETS}{by_day}/hour/(?P<hour>\d\d)": (*lmp, _lmps_of_day),
        rf"{_DATASETS}{by_day}/location/(?P<location>\d+)": (*lmp, _lmps_of_day),
        "sevendayforecast/current": (*forecast, lambda _, now: seven_day_forecast(now.date())),
        f"sevendayforecast{by_day}": (
            *forecast,
            lambda m, now: _if_published(_day(m), now.date(), seven_day_forecast),
        ),
        "morningreport/current": (*report, lambda _, now: morning_report(now.date())),
        f"morningreport{by_day}": (
            *report,
            lambda m, now: _if_published(_day(m), now.date(), morning_report),
        ),
        "genfuelmix/current": (*mix, lambda _, now: latest_fuel_mix(now)),
        f"genfuelmix{by_day}": (*mix, lambda m, now: _if_published(_day(m), now.date(), fuel_mix)),
    }


_COMPILED = [(re.compile(pattern), *resource) for pattern, resource in _resources().items()]
_INFO = re.compile(r"(hourlylmp/(da|rt)/(final|prelim)|sevendayforecast|morningreport|genfuelmix)/info")


def _now() -> datetime:
    return datetime.now(EASTERN)


def create_isone_api(
    *,
    username: str,
    password: str,
    now: Callable[[], datetime] = _now,
    latency_seconds: float = 0.0,
) -> ASGIApp:
    """The service as an ASGI app; its resources are under `/api/v1.1`.

    Args:
        username: For HTTP Basic authentication.
        password: For HTTP Basic authentication.
        now: Returns the current Eastern time.
        latency_seconds: Delay before each response.
    """
    expected = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    async def respond(request: Request) -> Response:
        if latency_seconds:
            await asyncio.sleep(latency_seconds)
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
            unauthorized = _html(401, "Unauthorized")
            unauthorized.headers["WWW-Authenticate"] = 'Basic realm="ISO New England"'
            return unauthorized
        return await asyncio.to_thread(_response, request.url.path, dict(request.headers), now())

    return _as_asgi(respond)


def _as_asgi(respond: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await respond(Request(scope, receive))
        await response(scope, receive, send)

    return app


def _response(path: str, headers: dict[str, str], now: datetime) -> Response:
    resource = path.removeprefix(BASE_PATH + "/").removesuffix("/")
    wants_json = resource.endswith(".json") or "application/json" in headers.get("accept", "")
    resource = resource.removesuffix(".json").removesuffix(".xml")
    # rounded to the minute, so that repeated requests are served from the cache
    body = _body(resource, wants_json, now.replace(second=0, microsecond=0))
    if isinstance(body, int):
        return _html(body, "Bad Request" if body == 400 else "Not Found")
    media_type = "application/json" if wants_json else "application/xml"
    response_headers = {"Content-Type": media_type, "Cache-Control": "private", "Server": "ISO New England"}
    if "gzip" in headers.get("accept-encoding", ""):
        body = gzip.compress(body, _GZIP_LEVEL)
        response_headers["Content-Encoding"] = "gzip"
    return Response(body, headers=response_headers)


@lru_cache(maxsize=8)
def _body(resource: str, wants_json: bool, now: datetime) -> bytes | int:
    """The encoded document, or the status of an error."""
    document = _document(resource, now)
    if isinstance(document, int):
        return document
    return msgspec.json.encode(document) if wants_json else as_xml(document)


def _document(resource: str, now: datetime) -> dict[str, Any] | int:
    if _INFO.fullmatch(resource):
        times = {"CreationDate": timestamp(now), "LatestBeginDate": timestamp(midnight(now.date()))}
        return {"ServiceInfo": times}
    for pattern, wrapper, inner, records in _COMPILED:
        match = pattern.fullmatch(resource)
        if match is None:
            continue
        try:
            found = records(match, now)
        except ValueError:
            return 400
        # like the real service: without records the wrapper holds an empty string, not an empty list
        return {wrapper: {inner: found} if found else ""}
    return 404


def _html(status: int, title: str) -> Response:
    page = f"<!DOCTYPE html><html><head><title>{status} {title}</title></head><body>{title}</body></html>"
    return Response(page, status, {"Content-Type": "text/html;charset=utf-8"})
