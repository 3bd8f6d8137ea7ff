"""The sandbox's ISO New England API with scripted faults in front of it."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from datetime import datetime

from starlette.types import ASGIApp, Scope

from flows.sandbox.isone_api import BASE_PATH, create_isone_api
from tests.providers.fault_injection import FaultInjection
from tests.providers.faults import FaultScript, SeenRequest


def create_faulty_isone_api(
    faults: FaultScript,
    *,
    username: str,
    password: str,
    now: Callable[[], datetime] | None = None,
    latency_seconds: float = 0.0,
) -> ASGIApp:
    """The API as an ASGI app that sends the faults of a script and records every request."""
    expected = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
    clock = {} if now is None else {"now": now}
    api = create_isone_api(username=username, password=password, latency_seconds=latency_seconds, **clock)

    def describe(scope: Scope) -> SeenRequest:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        is_authorised = headers.pop("authorization", "") == expected
        path = scope["path"].removeprefix(BASE_PATH)
        return SeenRequest(path, scope["query_string"].decode(), headers, is_authorised, time.monotonic())

    return FaultInjection(api, faults, describe)
