"""The collector over real HTTP: retries, limits, redirects and credentials."""

from __future__ import annotations

import asyncio
import email.utils
import gzip
import json
import logging
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from flows.api_config import ApiConfig, ResolvedSecrets, secret_references
from flows.collection.api_table import collect_table
from flows.documents import DocumentError
from flows.http_collector import CollectionError, HttpCollector
from flows.http_collector.errors import MAX_RETRY_AFTER_SECONDS, retry_after_seconds
from flows.request_plan import CollectionRequest, PlannedCollection, plan_collections
from flows.sandbox.loopback_server import LoopbackServer
from tests.conftest import NOW, PASSWORD, USERNAME, IsoneSandbox, eventually
from tests.providers import faults
from tests.providers.faults import Fault

RESOURCE = "genfuelmix/current"


class RecordedSleep:
    """Takes the place of waiting, and keeps how long it would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        if seconds:
            self.seconds.append(seconds)


def request_for(entry: dict[str, Any]) -> CollectionRequest:
    (collection,) = plan_collections([ApiConfig.model_validate(entry)], "20240101_000000", NOW)
    return collection.requests[0]


def secrets_for(request: CollectionRequest, **by_field: str) -> ResolvedSecrets:
    values = {"username": USERNAME, "password": PASSWORD, **by_field}
    return ResolvedSecrets(
        {
            (reference, name): SecretStr(values[name])
            for entry in request.api.auth_entries
            for name, reference in secret_references(entry)
        }
    )


def collect(entry: dict[str, Any], sleep: RecordedSleep | None = None) -> bytes:
    request = request_for(entry)
    with HttpCollector([request.api], secrets_for(request), sleep or RecordedSleep()) as collector:
        return collector.collect(request).body


def failure_of(entry: dict[str, Any], sleep: RecordedSleep | None = None) -> str:
    with pytest.raises(CollectionError) as raised:
        collect(entry, sleep)
    return str(raised.value)


def test_a_response_has_its_source_and_time(isone: IsoneSandbox) -> None:
    entry = isone.api("Fuel Mix", f"{RESOURCE}?a=1", params={"b": 2, "c": "x y"})
    request = request_for(entry)
    before = datetime.now(UTC)
    with HttpCollector([request.api], secrets_for(request)) as collector:
        payload = collector.collect(request)
        assert collector.attempts(PlannedCollection(request.api, request.stamp, (request,))) == 1
    assert payload.body.startswith(b'{"GenFuelMixes"')
    assert payload.source_url == f"{isone.url}/{RESOURCE}?a=1&b=2&c=x+y"
    assert before <= payload.collected_at <= datetime.now(UTC)
    (seen,) = isone.faults.requests
    assert seen.query == "a=1&b=2&c=x+y"
    assert seen.headers["accept"] == "application/json"
    assert "gzip" in seen.headers["accept-encoding"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_what_asking_again_cannot_mend_is_asked_once(isone: IsoneSandbox, status: int) -> None:
    isone.faults.add("*", faults.status(status), times=None)
    assert f"HTTP {status}" in failure_of(isone.api("x", RESOURCE))
    assert len(isone.faults.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        *(faults.status(code) for code in (408, 425, 429, 500, 502, 503, 504)),
        Fault("reset"),
        Fault("truncated-transfer"),
        Fault(headers={"content-encoding": "gzip"}, body=b"not gzip"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_what_may_pass_is_asked_again_and_no_more_than_allowed(isone: IsoneSandbox, fault: Fault) -> None:
    isone.faults.add("*", fault, times=None)
    assert "(after 3 attempts)" in failure_of(isone.api("x", RESOURCE, max_attempts=3))
    assert len(isone.faults.requests) == 3


def test_success_after_failures_is_success(isone: IsoneSandbox) -> None:
    isone.faults.add("*", faults.status(503), times=2)
    sleep = RecordedSleep()
    assert collect(isone.api("x", RESOURCE), sleep).startswith(b'{"GenFuelMixes"')
    assert len(sleep.seconds) == 2


def test_a_request_has_one_budget_of_attempts_in_a_run(isone: IsoneSandbox) -> None:
    isone.faults.add("*", faults.status(503), times=None)
    request = request_for(isone.api("x", RESOURCE, max_attempts=3))
    with HttpCollector([request.api], secrets_for(request), RecordedSleep()) as collector:
        for _ in range(3):
            with pytest.raises(CollectionError):
                collector.collect(request)
        assert collector.attempts(PlannedCollection(request.api, request.stamp, (request,))) == 3
    assert len(isone.faults.requests) == 3


def test_the_wait_grows_within_bounds_and_at_random(isone: IsoneSandbox) -> None:
    isone.faults.add("*", faults.status(503), times=None)
    waits = []
    for _ in range(3):
        sleep = RecordedSleep()
        failure_of(isone.api("x", RESOURCE, max_attempts=6), sleep)
        assert len(sleep.seconds) == 5
        assert all(0 <= wait <= min(30, 0.5 * 2**number) for number, wait in enumerate(sleep.seconds))
        waits.append(tuple(sleep.seconds))
    assert len(set(waits)) == 3


def test_retry_after_is_what_is_waited(isone: IsoneSandbox) -> None:
    isone.faults.add("*", faults.status(429, Retry_After="7"))
    isone.faults.add("*", faults.status(503, Retry_After="86400"))
    sleep = RecordedSleep()
    collect(isone.api("x", RESOURCE), sleep)
    assert sleep.seconds == [7, MAX_RETRY_AFTER_SECONDS]


def test_retry_after_is_understood_in_every_form() -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    in_ten = email.utils.format_datetime(now + timedelta(seconds=10), usegmt=True)
    past = email.utils.format_datetime(now - timedelta(days=1), usegmt=True)
    given = [None, "5", "0.5", "-3", "1e9", "nan", "soon", in_ten, past]
    expected = [None, 5, 0.5, 0, MAX_RETRY_AFTER_SECONDS, None, None, 10, 0]
    assert [retry_after_seconds(value, now) for value in given] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("9" * 400, MAX_RETRY_AFTER_SECONDS),
        ("9" * 5000, MAX_RETRY_AFTER_SECONDS),
        ("-" + "9" * 400, 0),
        ("1e400", MAX_RETRY_AFTER_SECONDS),
        ("-inf", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_SECONDS),
        ("Fri, 31 Dec 9999 23:59:59 -2359", MAX_RETRY_AFTER_SECONDS),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("Fri, 31 Dec 2026 99999999999999999999:59:59 GMT", None),
        ("Fri, 31 Dec 2026 23:59:59 +999999999999", None),
        ("Fri, 99 Dec 2026 23:59:59 GMT", None),
        ("120, 60", None),
        ("a" * 100_000, None),
        ("", None),
    ],
)
def test_an_absurd_retry_after_is_bounded_or_ignored(value: str, expected: float | None) -> None:
    assert retry_after_seconds(value, datetime(2024, 1, 1, tzinfo=UTC)) == expected


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_an_attempt_ends_in_time_however_the_response_is_delayed(isone: IsoneSandbox, kind: Any) -> None:
    isone.faults.add("*", Fault(kind), times=None)
    reason = failure_of(isone.api("x", RESOURCE, timeout_seconds=0.3, max_attempts=2))
    assert "within 0.3 s" in reason
    assert len(isone.faults.requests) == 2


def test_requests_follow_one_another_on_one_connection() -> None:
    ports: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        ports.append(scope["client"][1])
        await Response(b"{}")(scope, receive, send)

    with LoopbackServer(app) as server:
        entry = {"name": "x", "url": f"{server.base_url}/{{n}}", "output_folder": "x", "csv_prefix": "x"}
        api = ApiConfig.model_validate({**entry, "values": {"n": list(range(5))}})
        (collection,) = plan_collections([api], "20240101_000000", NOW)
        with HttpCollector([api], ResolvedSecrets()) as collector:
            for request in collection.requests:
                collector.collect(request)
    assert len(ports) == 5
    assert len(set(ports)) == 1


def test_an_attempt_that_times_out_does_not_end_another() -> None:
    is_waiting, may_answer = threading.Event(), threading.Event()
    bodies: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/hangs":
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        is_waiting.set()
        await asyncio.to_thread(may_answer.wait)
        await Response(b"{}")(scope, receive, send)

    with LoopbackServer(app) as server:
        entry = {"url": server.base_url, "output_folder": "x", "max_attempts": 1}
        hanging, slow = (
            request_for(
                {**entry, "name": name, "url": f"{server.base_url}/{name}", "csv_prefix": name, **keys}
            )
            for name, keys in (("hangs", {"timeout_seconds": 0.3}), ("waits", {}))
        )
        with HttpCollector([hanging.api, slow.api], ResolvedSecrets()) as collector:
            other = threading.Thread(target=lambda: bodies.append(collector.collect(slow).body))
            other.start()
            assert is_waiting.wait(30)
            with pytest.raises(CollectionError, match=r"/hangs within 0\.3 s"):
                collector.collect(hanging)
            may_answer.set()
            other.join()
    assert bodies == [b"{}"]


def test_a_secret_is_redacted_before_its_text_is_cut(isone: IsoneSandbox) -> None:
    secret = quote_plus(PASSWORD.replace("-", "/") + "/" + PASSWORD[::-1])
    shown: list[str] = []
    for before in range(280, 305, 3):
        said = f"{'x' * (before - 100)} {secret} {secret} {'y' * 200}"
        isone.faults.add("*", faults.status(400, said.encode()))
        message = json.dumps({"error": f"{'x' * 100}{said}"}).encode()
        isone.faults.add("*", faults.json_body(message))
        isone.faults.add("*", faults.json_body(b"[" + message[:-1]))
        entry = isone.api("x", RESOURCE, error_when={"at": "error"})
        (collection,) = plan_collections([ApiConfig.model_validate(entry)], "20240101_000000", NOW)
        secrets = secrets_for(collection.requests[0], password=unquote_plus(secret))
        with HttpCollector([collection.api], secrets) as collector:
            for _ in range(3):
                with pytest.raises((CollectionError, DocumentError)) as raised:
                    collect_table(collection, collector)
                shown.append(str(raised.value))
    assert all("xxx" in text and "…" in text for text in shown)
    assert not [text for text in shown if secret[:4] in text]


def test_a_refused_connection_is_reported(isone: IsoneSandbox) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    entry = {**isone.api("x", RESOURCE, max_attempts=2), "url": f"http://127.0.0.1:{port}/nothing"}
    assert f"cannot connect to http://127.0.0.1:{port}/nothing" in failure_of(entry)


def test_a_response_that_is_too_large_is_refused_also_when_it_is_compressed(isone: IsoneSandbox) -> None:
    body = b'"' + b"x" * 2_000_000 + b'"'
    isone.faults.add("*", faults.json_body(body))
    isone.faults.add("*", Fault(headers={"content-encoding": "gzip"}, body=gzip.compress(body)))
    for _ in range(2):
        assert "max_response_mb (1 MB)" in failure_of(isone.api("x", RESOURCE, max_response_mb=1))
    assert len(isone.faults.requests) == 2


def test_redirects_keep_credentials_to_their_own_origin(isone: IsoneSandbox) -> None:
    isone.faults.add("/moved", faults.redirect(f"{isone.url}/{RESOURCE}"))
    assert collect(isone.api("x", "moved")).startswith(b'{"GenFuelMixes"')

    seen: list[dict[str, str]] = []

    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(dict(Request(scope).headers))
        await Response(b"{}", media_type="application/json")(scope, receive, send)

    with LoopbackServer(other) as elsewhere:
        isone.faults.add("/moved", faults.redirect(elsewhere.base_url))
        assert collect(isone.api("x", "moved")) == b"{}"
    assert len(seen) == 1
    assert "authorization" not in seen[0]


@pytest.mark.parametrize(
    ("target", "said"), [("{url}/moved", "more than 5 times"), ("file:///etc/passwd", "not http(s)")]
)
def test_a_redirect_that_leads_nowhere_ends(isone: IsoneSandbox, target: str, said: str) -> None:
    isone.faults.add("/moved", faults.redirect(target.format(url=isone.url)), times=None)
    assert said in failure_of(isone.api("x", "moved"))
    assert len(isone.faults.requests) <= 6


CANARY = "canary-4711-secret"
KINDS: dict[str, dict[str, Any]] = {
    "basic": {"kind": "basic", "username": {"env": "U"}, "password": {"env": "P"}},
    "header": {"kind": "header", "name": "X-Key", "value": {"env": "K"}},
    "query": {"kind": "query", "name": "api_key", "value": {"env": "K"}},
    "bearer": {"kind": "bearer", "token": {"env": "T"}},
}


@pytest.fixture
def echo() -> Iterator[tuple[LoopbackServer, list[Request]]]:
    """A server that keeps each request and answers 500, with its whole address in the body."""
    seen: list[Request] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        seen.append(request)
        await Response(f"refused {request.url}".encode(), 500)(scope, receive, send)

    with LoopbackServer(app) as server:
        yield server, seen


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_are_sent_and_never_shown(
    echo: tuple[LoopbackServer, list[Request]], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    server, seen = echo
    entry = {"name": "x", "url": f"{server.base_url}/data", "output_folder": "x", "csv_prefix": "x"}
    request = request_for({**entry, "auth": KINDS[kind], "max_attempts": 2})
    secrets = secrets_for(request, username="someone", password=CANARY, value=CANARY, token=CANARY)
    with (
        caplog.at_level(logging.DEBUG),
        HttpCollector([request.api], secrets, RecordedSleep()) as collector,
        pytest.raises(CollectionError) as raised,
    ):
        collector.collect(request)
    sent = {
        "basic": "Basic c29tZW9uZTpjYW5hcnktNDcxMS1zZWNyZXQ=",
        "header": CANARY,
        "query": CANARY,
        "bearer": f"Bearer {CANARY}",
    }
    name = {"header": "x-key"}.get(kind, "authorization")
    given = seen[0].query_params["api_key"] if kind == "query" else seen[0].headers[name]
    assert given == sent[kind]
    told = [str(raised.value), repr(raised.value), repr(secrets), repr(request), caplog.text]
    assert "HTTP 500" in told[0]
    assert not [text for text in told if CANARY in text or sent[kind] in text]


def test_a_hosts_limits_hold_for_all_its_apis_and_threads(isone: IsoneSandbox) -> None:
    entries = [
        isone.api("a", "genfuelmix/day/20240101", max_concurrency=2),
        isone.api("b", "genfuelmix/day/20240102", requests_per_second=50),
        *(isone.api(f"c{day}", f"genfuelmix/day/202401{day}") for day in range(10, 20)),
    ]
    requests = [request_for(entry) for entry in entries]
    secrets = secrets_for(requests[0])
    with HttpCollector([request.api for request in requests], secrets) as collector:
        threads = [threading.Thread(target=collector.collect, args=[request]) for request in requests]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(isone.faults.requests) == len(entries)
    assert isone.faults.peak_in_flight <= 2
    arrivals = sorted(seen.received_at for seen in isone.faults.requests)
    # eleven intervals of 20 ms lie between twelve starts; arrival adds or takes the way there
    assert arrivals[-1] - arrivals[0] >= 11 * 0.02 * 0.9


def test_a_stopped_collector_ends_waits_and_asks_no_more(isone: IsoneSandbox) -> None:
    isone.faults.add("*", faults.status(503, Retry_After="60"), times=None)
    request = request_for(isone.api("x", RESOURCE))
    failures: list[str] = []

    def run(collector: HttpCollector) -> None:
        with pytest.raises(CollectionError) as raised:
            collector.collect(request)
        failures.append(str(raised.value))

    with HttpCollector([request.api], secrets_for(request)) as collector:
        thread = threading.Thread(target=run, args=[collector])
        thread.start()
        eventually(lambda: isone.faults.requests)
        collector.stop()
        thread.join()
    assert "the run was stopped" in failures[0]
    assert len(isone.faults.requests) == 1
