"""Hostile responses: slow, oversized, malformed or redirecting. Each ends in a specific error."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from flows.api_config import ApiConfig, ResolvedSecrets
from flows.collection.api_table import CollectedTable, collect_table
from flows.documents import DocumentError
from flows.http_collector import CollectionError, HttpCollector
from flows.http_collector.deadlines import BoundedClient
from flows.http_collector.host_limits import MAX_CONSECUTIVE_TIMEOUTS
from flows.http_collector.redirects import is_redirect_inward
from flows.request_plan import plan_collections
from tests.conftest import NOW, IsoneSandbox, eventually
from tests.providers import faults
from tests.providers.faults import Fault
from tests.unit.test_http_collector import RecordedSleep, collect, failure_of, request_for, secrets_for

RESOURCE = "genfuelmix/current"


@contextmanager
def raw_server(answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers each connection with whatever bytes; gives its URL and what it was sent."""
    ended = threading.Event()
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            heard.append(connection.recv(65536))
            try:
                answer(connection, ended)
            except OSError:
                # the client has left, which is what these tests are about
                return

    def accept() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            threads.append(threading.Thread(target=serve, args=[connection]))
            threads[-1].start()

    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/x", heard
        finally:
            ended.set()
            for thread in (acceptor, *threads):
                thread.join()


def api_at(url: str, **options: object) -> dict[str, object]:
    return {"name": "x", "url": url, "output_folder": "f", "csv_prefix": "p", **options}


def drip(start: bytes, again: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def answer(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(start)
        while not ended.wait(0.02):
            connection.sendall(again)

    return answer


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"HTTP/1.1 2", b""),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["no-answer", "headers", "body", "chunks", "error-body", "continues"],
)
def test_the_time_of_an_attempt_is_counted_from_its_request(start: bytes, again: bytes) -> None:
    with raw_server(drip(start, again)) as (url, heard):
        reason = failure_of(api_at(url, timeout_seconds=0.5, max_attempts=2))
    assert f"no complete response from {url} within 0.5 s (after 2 attempts)" in reason
    assert len(heard) == 2


def test_a_connection_that_the_server_has_ended_is_not_used_again() -> None:
    has_ended = threading.Event()

    def answer(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        connection.shutdown(socket.SHUT_WR)
        has_ended.set()

    with raw_server(answer) as (url, heard):
        requests = [request_for(api_at(f"{url}{number}", max_attempts=1)) for number in range(2)]
        with HttpCollector([requests[0].api], ResolvedSecrets()) as collector:
            for request in requests:
                assert collector.collect(request).body == b"{}"
                assert has_ended.wait(30)
    assert len(heard) == 2


def test_headers_without_end_are_refused() -> None:
    def answer(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not ended.is_set():
            connection.sendall(b"X: " + b"y" * 60_000)

    with raw_server(answer) as (url, _):
        assert "broke" in failure_of(api_at(url, timeout_seconds=60, max_attempts=1))


def test_a_stopped_collector_ends_a_read_that_waits() -> None:
    failures: list[str] = []
    with raw_server(drip(b"HTTP/1.1 2", b"")) as (url, heard):
        request = request_for(api_at(url, timeout_seconds=3600))

        def run() -> None:
            with pytest.raises(CollectionError) as raised:
                collector.collect(request)
            failures.append(str(raised.value))

        with HttpCollector([request.api], ResolvedSecrets()) as collector:
            thread = threading.Thread(target=run)
            thread.start()
            eventually(lambda: heard)
            collector.stop()
            thread.join()
    assert "the run was stopped" in failures[0]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_small_response_that_grows_beyond_the_bound_is_refused(isone: IsoneSandbox, coding: str) -> None:
    plain = b" " * 40_000_000
    body = gzip.compress(plain) if coding == "gzip" else zlib.compress(plain)
    assert len(body) < 100_000
    isone.faults.add("*", Fault(headers={"content-encoding": coding}, body=body))
    reason = failure_of(isone.api("x", RESOURCE, max_response_mb=1))
    assert "more than max_response_mb (1 MB)" in reason
    assert len(isone.faults.requests) == 1


@pytest.mark.parametrize("coding", ["gzip, gzip", "gzip,gzip,gzip", "br, gzip", "zstd,br", "compress", "x"])
def test_compressions_whose_growth_is_not_bounded_are_refused(isone: IsoneSandbox, coding: str) -> None:
    body = gzip.compress(gzip.compress(b"{}"))
    for status in (200, 404):
        isone.faults.add("*", Fault(status=status, headers={"content-encoding": coding}, body=body))
        assert "unsupported Content-Encoding" in failure_of(isone.api("x", RESOURCE))


@pytest.mark.parametrize("content_type", ["text/html", "image/png", "application/xml", "x", ""])
def test_a_response_is_what_it_holds_whatever_its_type_says(isone: IsoneSandbox, content_type: str) -> None:
    headers = {"content-type": content_type}
    (collection,) = plan_collections(
        [ApiConfig.model_validate(isone.api("x", RESOURCE, auth={"kind": "none"}))], "20240101_000000", NOW
    )
    isone.faults.add("*", Fault(headers=headers, body=b'[{"a":1}]'))
    isone.faults.add("*", Fault(headers=headers, body=b"<html>Down</html>"))
    with HttpCollector([collection.api], ResolvedSecrets()) as collector:
        assert collect_table(collection, collector).table.frame.rows() == [(1,)]
        with pytest.raises(DocumentError, match="HTML where JSON was expected: <html>Down"):
            collect_table(collection, collector)


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
    ],
)
def test_a_redirect_to_the_machines_link_is_not_followed(isone: IsoneSandbox, target: str) -> None:
    isone.faults.add("*", faults.redirect(target))
    reason = failure_of(isone.api("x", RESOURCE))
    assert "redirects to this machine or a link-local address" in reason
    assert len(isone.faults.requests) == 1


@pytest.mark.parametrize(
    ("from_host", "to_host", "inward"),
    [
        ("webservices.iso-ne.com", "127.0.0.1", True),
        ("webservices.iso-ne.com", "localhost", True),
        ("webservices.iso-ne.com", "api.localhost", True),
        ("webservices.iso-ne.com", "::1", True),
        ("webservices.iso-ne.com", "0.0.0.0", True),
        ("192.0.2.1", "2130706433", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("127.0.0.1", "localhost", False),
        ("127.0.0.1", "192.0.2.2", False),
        ("169.254.1.1", "169.254.1.2", False),
        ("192.0.2.1", "no-such-host.invalid", False),
        ("192.0.2.1", "10.1.2.3", True),
        ("192.0.2.1", "172.31.255.255", True),
        ("192.0.2.1", "192.168.0.1", True),
        ("192.0.2.1", "100.64.0.1", True),
        ("192.0.2.1", "100.127.255.255", True),
        ("192.0.2.1", "100.128.0.1", False),
        ("192.0.2.1", "172.32.0.1", False),
        ("192.0.2.1", "fc00::1", True),
        ("192.0.2.1", "fd12:3456::1", True),
        ("192.0.2.1", "2001:db8::1", False),
        ("192.0.2.1", "fe80::1%lo", True),
        ("192.0.2.1", "::ffff:10.0.0.1", True),
        ("192.0.2.1", "64:ff9b::10.0.0.1", True),
        ("192.0.2.1", "64:ff9b::192.0.2.1", False),
        ("192.0.2.1", "2002:a00:1::", True),
        ("192.0.2.1", "::127.0.0.1", True),
        # an API in a private network
        ("10.1.2.3", "192.168.0.1", False),
        ("10.1.2.3", "127.0.0.1", True),
        ("10.1.2.3", "169.254.169.254", True),
        ("127.0.0.1", "10.1.2.3", False),
        ("127.0.0.1", "169.254.169.254", True),
    ],
)
def test_whether_a_redirect_leads_inward(from_host: str, to_host: str, inward: bool) -> None:
    assert is_redirect_inward(from_host, to_host) is inward


@pytest.mark.parametrize("leads", ["redirects", "is a link"])
@pytest.mark.parametrize("host", ["10.1.2.3", "192.168.0.1", "100.64.0.1", "[fd12::1]"])
def test_another_machines_redirect_or_link_into_a_private_network_is_not_followed(
    monkeypatch: pytest.MonkeyPatch, host: str, leads: str
) -> None:
    def as_proxy(connection: socket.socket, _ended: threading.Event) -> None:
        if leads == "redirects":
            head, body = f"302 Found\r\nLocation: http://{host}/x", ""
        else:
            head, body = "200 OK", f'{{"rows": [{{"a": 1}}], "next": "http://{host}/x"}}'
        connection.sendall(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    # the proxy takes the place of another machine, to which tests send no requests
    with raw_server(as_proxy) as (proxy, heard):
        monkeypatch.setenv("HTTP_PROXY", proxy)
        paging = {"pagination": {"kind": "next_link", "link": "next"}} if leads == "is a link" else {}
        entry = api_at("http://far-away.invalid/x", allow_insecure=True, **paging)
        with pytest.raises(CollectionError) as raised:
            collect_whole(entry)
    assert f"{leads} to a private network ({host.strip('[]')})" in str(raised.value)
    assert len(heard) == 1


def test_the_address_that_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server may give another address at each look-up (DNS rebinding)."""

    def as_service(connection: socket.socket, _ended: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    with raw_server(as_service) as (url, heard):
        port = httpx.URL(url).port
        look_ups: list[str] = []

        def changing_name_server(host: str, *arguments: Any, **options: Any) -> Any:
            if host == "changing.example":
                look_ups.append(host)
                # nothing listens on the second address
                host = "127.0.0.1" if len(look_ups) == 1 else "127.0.0.2"
            return real_look_up(host, *arguments, **options)

        real_look_up = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", changing_name_server)
        with BoundedClient(threading.Event()) as client:
            client.end_within(10)
            assert is_redirect_inward("192.0.2.1", "changing.example", client.addresses)
            assert client.get(f"http://changing.example:{port}/").content == b"[]"
    assert look_ups == ["changing.example"]
    assert b"changing.example" in heard[0]


@pytest.mark.parametrize("is_allowed", [False, True])
def test_another_machines_redirect_to_this_one_is_followed_only_where_allowed(
    monkeypatch: pytest.MonkeyPatch, is_allowed: bool
) -> None:
    def as_proxy(connection: socket.socket, _ended: threading.Event) -> None:
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {inside}\r\nContent-Length: 0\r\n\r\n".encode())

    def as_service(connection: socket.socket, _ended: threading.Event) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[{"a":1}]')

    # the proxy takes the place of another machine, to which tests send no requests
    with raw_server(as_service) as (inside, heard_inside), raw_server(as_proxy) as (proxy, heard):
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        entry = api_at("http://far-away.invalid/x", allow_insecure=True, allow_local_redirects=is_allowed)
        if is_allowed:
            assert collect(entry) == b'[{"a":1}]'
        else:
            assert "redirects to this machine or a link-local address (127.0.0.1)" in failure_of(entry)
    assert len(heard) == 1
    assert b"far-away.invalid" in heard[0]
    assert len(heard_inside) == is_allowed


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "a\x00b"])
def test_values_that_would_make_headers_of_their_own_are_refused(value: str) -> None:
    for options in ({"headers": {"X": value}}, {"params": {"x": value}}, {"headers": {value: "x"}}):
        with pytest.raises(ValueError, match="validation error"):
            ApiConfig.model_validate(api_at("http://127.0.0.1/x", **options))


def test_what_comes_into_a_url_stays_one_request(isone: IsoneSandbox) -> None:
    entry = isone.api("x", RESOURCE + "?where={place}", values={"place": ["a b\u2028?&#/../é"]})
    assert collect(entry)
    (seen,) = isone.faults.requests
    assert (seen.path, httpx.QueryParams(seen.query)["where"]) == (f"/{RESOURCE}", "a b\u2028?&#/../é")


def test_all_attempts_of_an_api_end_with_its_deadline(isone: IsoneSandbox) -> None:
    isone.faults.add("*", faults.status(503, Retry_After="50"), times=None)
    sleep = RecordedSleep()
    reason = failure_of(isone.api("x", RESOURCE, deadline_seconds=40, max_attempts=10), sleep)
    assert "HTTP 503" in reason
    assert sleep.seconds == []
    assert len(isone.faults.requests) == 1


def test_a_page_after_the_deadline_is_not_requested() -> None:
    with raw_server(drip(b"HTTP/1.1 2", b"")) as (url, heard):
        request = request_for(api_at(url, deadline_seconds=0.3, max_attempts=10))
        with HttpCollector([request.api], ResolvedSecrets()) as collector:
            for expected in ("no complete response", "was not requested within deadline_seconds (0.3 s)"):
                with pytest.raises(CollectionError) as raised:
                    collector.collect(request)
                assert expected in str(raised.value)
    assert len(heard) == 1


def test_a_deadline_leaves_out_the_waits_for_a_turn(isone: IsoneSandbox) -> None:
    # six APIs that share a host: each has a quarter of a second of its own in each three halves
    options: dict[str, Any] = {
        "requests_per_second": 8,
        "deadline_seconds": 1.5,
        "values": {"n": [1, 2, 3, 4]},
    }
    apis = [
        ApiConfig.model_validate({**isone.api(f"x{number}", RESOURCE + "?n={n}", **options)})
        for number in range(6)
    ]
    collections = plan_collections(apis, "20240101_000000", NOW)
    with (
        HttpCollector(apis, secrets_for(collections[0].requests[0])) as collector,
        ThreadPoolExecutor(len(apis)) as threads,
    ):
        found = list(threads.map(lambda each: collect_table(each, collector), collections))
    assert [len(collected.responses) for collected in found] == [4] * 6


def test_a_deadline_holds_for_an_api_that_goes_slowly_by_itself(isone: IsoneSandbox) -> None:
    values = {"n": list(range(20))}
    entry = isone.api("x", RESOURCE + "?n={n}", values=values, requests_per_second=10, deadline_seconds=0.5)
    with pytest.raises(CollectionError, match="deadline_seconds"):
        collect_whole(entry)


def collect_whole(entry: dict[str, object]) -> CollectedTable:
    (collection,) = plan_collections([ApiConfig.model_validate(entry)], "20240101_000000", NOW)
    with HttpCollector([collection.api], secrets_for(collection.requests[0])) as collector:
        return collect_table(collection, collector)


def asked_in_turn(apis: list[dict[str, object]], collector: HttpCollector, said: str) -> list[int]:
    """The number of requests to each API; all fail."""
    asked = []
    for api in apis:
        (collection,) = plan_collections([ApiConfig.model_validate(api)], "20240101_000000", NOW)
        with pytest.raises(CollectionError, match=said):
            collector.collect(collection.requests[0])
        asked.append(collector.attempts(collection))
    return asked


def test_a_host_on_which_nothing_answers_is_asked_once_by_each_further_api(isone: IsoneSandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = f"http://127.0.0.1:{listener.getsockname()[1]}"
    apis = [{**api_at(f"{dead}/{number}"), "name": f"api {number}"} for number in range(12)]
    configured = [ApiConfig.model_validate(api) for api in apis]
    with HttpCollector(configured, ResolvedSecrets(), RecordedSleep()) as collector:
        assert asked_in_turn(apis, collector, "cannot connect") == [4] * MAX_CONSECUTIVE_TIMEOUTS + [1] * (
            12 - MAX_CONSECUTIVE_TIMEOUTS
        )


def test_error_responses_do_not_take_attempts_from_other_apis_of_the_host(isone: IsoneSandbox) -> None:
    isone.faults.add("*/genfuelmix/*", faults.status(503), times=None)
    isone.faults.add("*/morningreport/*", faults.status(503, Retry_After="12"), times=2)
    apis = [isone.api(f"api {number}", f"genfuelmix/day/202401{number:02}") for number in range(1, 13)]
    healthy = request_for(isone.api("healthy", "morningreport/current"))
    configured = [healthy.api, *map(ApiConfig.model_validate, apis)]
    sleep = RecordedSleep()
    with HttpCollector(configured, secrets_for(healthy), sleep) as collector:
        assert asked_in_turn(apis, collector, "HTTP 503") == [4] * 12
        sleep.seconds.clear()
        assert json.loads(collector.collect(healthy).body)
        assert sleep.seconds == [12, 12]


def test_failures_behind_a_next_link_do_not_open_the_circuit_of_the_apis_host(isone: IsoneSandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = f"http://127.0.0.1:{listener.getsockname()[1]}"
    linked = json.dumps({"rows": [{"n": 1}], "next": dead}).encode()
    paged = {"pagination": {"kind": "next_link", "link": "next"}, "max_attempts": 1}
    apis = [isone.api(f"x{number}", RESOURCE, records="rows", **paged) for number in range(6)]
    healthy = request_for(isone.api("healthy", "morningreport/current"))
    configured = [healthy.api, *map(ApiConfig.model_validate, apis)]
    isone.faults.add("*/genfuelmix/*", faults.json_body(linked), times=None)
    isone.faults.add("*/morningreport/*", faults.status(503, Retry_After="0"))
    with HttpCollector(configured, secrets_for(healthy), RecordedSleep()) as collector:
        for collection in plan_collections(configured[1:], "20240101_000000", NOW):
            with pytest.raises(CollectionError, match="cannot connect"):
                collect_table(collection, collector)
        assert json.loads(collector.collect(healthy).body)


def test_requests_that_differ_only_in_a_header_have_attempts_of_their_own(isone: IsoneSandbox) -> None:
    places = list(range(7))
    entry = isone.api("x", RESOURCE, headers={"X-Place": "{place}"}, values={"place": places})
    assert len(collect_whole(entry).responses) == len(isone.faults.requests) == 7


def test_a_next_link_elsewhere_is_followed_without_what_is_the_apis_own(isone: IsoneSandbox) -> None:
    page = b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\nConnection: close\r\n\r\n{"rows":[{"n": "b"}]}'

    def answer(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(page)

    with raw_server(answer) as (url, heard):
        isone.faults.add("*", faults.json_body(json.dumps({"rows": [{"n": "a"}], "next": url}).encode()))
        entry = isone.api(
            "x",
            RESOURCE,
            headers={"X-Client": "canary", "Accept": "text/x"},
            pagination={"kind": "next_link", "link": "next"},
            records="rows",
        )
        found = collect_whole(entry).table.frame
    assert found["n"].to_list() == ["a", "b"]
    (sent,) = heard
    assert b"accept: text/x" in sent
    assert b"Authorization" not in sent
    assert b"canary" not in sent


@pytest.mark.parametrize("code", [401, 403, 404])
def test_an_error_shows_the_providers_message_and_advice(isone: IsoneSandbox, code: int) -> None:
    isone.faults.add("*", faults.status(code, b'{"message": "your key expired on 1 May"}'))
    reason = failure_of(isone.api("x", RESOURCE))
    assert '{"message": "your key expired on 1 May"}; ' in reason
    assert "check" in reason


@pytest.mark.parametrize(
    ("charset", "encoding", "text"),
    [
        ("ISO-8859-1", "latin-1", "n\nMünchen\n"),
        ("windows-1252", "cp1252", "n\n€\n"),
        ("utf-16", "utf-16", "n\nMünchen\n"),
        ("utf-16le", "utf-16le", "n\nabc\n"),
        # what is UTF-8 stays so, whatever a server's own charset is
        ("ISO-8859-1", "utf-8", "n\nMünchen\n"),
        ("nonsense", "utf-8", "n\nMünchen\n"),
        ("utf-16", "utf-8", "n\nabcd\n"),
        ("hex", "utf-8", "n\n6162\n"),
        ("unicode_escape", "utf-8", "n\na\\x41\n"),
    ],
)
def test_a_charset_is_that_of_the_content_type(
    isone: IsoneSandbox, charset: str, encoding: str, text: str
) -> None:
    headers = {"content-type": f"text/csv; charset={charset}"}
    isone.faults.add("*", Fault(body=text.encode(encoding), headers=headers))
    found = collect_whole(isone.api("x", RESOURCE, format="csv"))
    assert found.table.frame["n"].to_list() == [text.split("\n")[1]]
    # raw stays as it came
    assert found.responses[0].body == text.encode(encoding)


@pytest.mark.parametrize("charset", ["hex", "rot13", "zlib", "utf-7", "idna"])
def test_a_charset_that_is_none_changes_nothing(isone: IsoneSandbox, charset: str) -> None:
    headers = {"content-type": f"text/csv; charset={charset}"}
    isone.faults.add("*", Fault(body=b"n\n\xff\n", headers=headers))
    with pytest.raises(DocumentError, match="invalid UTF-8 at byte 2"):
        collect_whole(isone.api("x", RESOURCE, format="csv"))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_an_error_in_a_200_is_seen_in_any_charset(isone: IsoneSandbox, encoding: str) -> None:
    headers = {"content-type": f"application/json; charset={encoding}"}
    body = '{"error": "général"}'.encode(encoding)
    isone.faults.add("*", Fault(body=body, headers=headers))
    reason = failure_of(isone.api("x", RESOURCE, error_when={"at": ["error"], "message": ["error"]}))
    assert "général" in reason


def test_what_is_not_in_its_charset_is_refused(isone: IsoneSandbox) -> None:
    headers = {"content-type": "application/json; charset=utf-16"}
    isone.faults.add("*", Fault(body=b"\xff\xfe[\x001", headers=headers))
    with pytest.raises(DocumentError, match="neither UTF-8 nor utf-16, as its Content-Type says"):
        collect_whole(isone.api("x", RESOURCE))
