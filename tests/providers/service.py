"""The base of the provider services: an ASGI app around a function, with scripted faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.providers.fault_injection import FaultInjection
from tests.providers.faults import FaultScript, SeenRequest

Answer = Callable[[Request, bytes], Response]
_HOUR = timedelta(hours=1)


def provider_service(answer: Answer, faults: FaultScript | None = None) -> ASGIApp:
    """An ASGI app that responds with a function of the request and its body.

    Args:
        answer: Makes the response.
        faults: What to send instead, and where requests are noted.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await answer(request, await request.body())(scope, receive, send)

    return FaultInjection(app, faults or FaultScript(), _describe)


def _describe(scope: Scope) -> SeenRequest:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    is_authorised = "authorization" in headers
    headers.pop("authorization", None)
    return SeenRequest(
        scope["path"], scope["query_string"].decode(), headers, is_authorised, time.monotonic()
    )


def hours_between(start: datetime, end: datetime) -> list[datetime]:
    """The starts of the hours from an aware time up to another, in UTC."""
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    return [first + number * _HOUR for number in range(int((last - first) / _HOUR))]


def hours_of_day(day: datetime, zone: ZoneInfo) -> list[datetime]:
    """The starts of a calendar day's 23, 24 or 25 hours, in its zone."""
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    end = start + timedelta(days=1)
    return [hour.astimezone(zone) for hour in hours_between(start, end)]


def megawatts(moment: datetime, place: int = 0) -> float:
    """An invented load or price, different for each hour and place, with two decimals."""
    return round(1000 + place * 100 + (moment.timestamp() // 3600 % 24) * 7.25, 2)


def first_of(query: Mapping[str, str], name: str) -> str:
    """A query parameter, or "" where it was not sent."""
    return query.get(name, "")
