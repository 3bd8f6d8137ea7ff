"""Bodies: compressed in every way, cut off, without a length, and statuses that promise no data."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest

from flows.api_config import ApiConfig
from flows.collection.api_table import CollectedTable, collect_table
from flows.documents import DocumentError
from flows.http_collector import CollectionError, HttpCollector
from flows.http_collector.response_bodies import ACCEPT_ENCODING
from flows.request_plan import Window, plan_collections, plan_window
from tests.conftest import NOW, IsoneSandbox
from tests.providers import faults
from tests.providers.faults import Fault
from tests.unit.test_hostile_responses import api_at, raw_server
from tests.unit.test_http_collector import RecordedSleep, collect, failure_of, request_for, secrets_for

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from backports import zstd

RESOURCE = "genfuelmix/current"
PLAIN = b"t,zone,mw\n" + b"".join(b"2024-01-01T%02d:00,NORTH,%d.25\n" % (h, 1000 + h) for h in range(24))
CUT = PLAIN[: PLAIN.index(b"1010.25") + 2]


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


COMPRESSED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "brotli": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
}
all_codings = pytest.mark.parametrize(("coding", "compress"), COMPRESSED.values(), ids=COMPRESSED)


def compressed(coding: str, body: bytes) -> Fault:
    return Fault(headers={"content-type": "text/csv", "content-encoding": coding}, body=body)


@all_codings
def test_each_compression_is_decoded(
    isone: IsoneSandbox, coding: str, compress: Callable[[bytes], bytes]
) -> None:
    isone.faults.add("*", compressed(coding, compress(PLAIN)))
    assert collect(isone.api("x", RESOURCE)) == PLAIN
    (seen,) = isone.faults.requests
    assert seen.headers["accept-encoding"] == ACCEPT_ENCODING == "gzip, deflate, br, zstd"


@pytest.mark.parametrize("size", [1, 2, 7])
@all_codings
def test_each_compression_is_decoded_in_pieces_of_any_size(
    isone: IsoneSandbox, coding: str, compress: Callable[[bytes], bytes], size: int
) -> None:
    body = compress(PLAIN[:60])
    length = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"

    def answer(connection: socket.socket, ended: threading.Event) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(length % (coding.encode(), len(body)))
        for start in range(0, len(body), size):
            connection.sendall(body[start : start + size])

    with raw_server(answer) as (url, _):
        assert collect(api_at(url)) == PLAIN[:60]


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(PLAIN[:400]) + gzip.compress(PLAIN[400:]),
        b"".join(gzip.compress(PLAIN[start : start + 50]) for start in range(0, len(PLAIN), 50)),
        gzip.compress(b"") + gzip.compress(PLAIN) + gzip.compress(b""),
        gzip.compress(PLAIN[:400]) + bytes(3) + gzip.compress(PLAIN[400:]) + bytes(512),
    ],
    ids=["two", "many", "empty ones", "padded with NUL"],
)
def test_all_members_of_a_gzip_body_are_decoded(isone: IsoneSandbox, body: bytes) -> None:
    isone.faults.add("*", compressed("gzip", body))
    assert collect(isone.api("x", RESOURCE)) == PLAIN


def test_all_frames_of_a_zstd_body_are_decoded(isone: IsoneSandbox) -> None:
    isone.faults.add("*", compressed("zstd", zstd.compress(PLAIN[:400]) + zstd.compress(PLAIN[400:])))
    assert collect(isone.api("x", RESOURCE)) == PLAIN


@pytest.mark.parametrize("left", [0.5, 0.99])
@all_codings
def test_a_compressed_stream_that_is_cut_off_is_asked_for_again(
    isone: IsoneSandbox, coding: str, compress: Callable[[bytes], bytes], left: float
) -> None:
    body = compress(PLAIN)
    isone.faults.add("*", compressed(coding, body[: int(len(body) * left)]))
    isone.faults.add("*", compressed(coding, body))
    assert collect(isone.api("x", RESOURCE)) == PLAIN
    assert len(isone.faults.requests) == 2


def test_a_second_member_that_is_cut_off_is_a_failure(isone: IsoneSandbox) -> None:
    body = gzip.compress(PLAIN[:400]) + gzip.compress(PLAIN[400:])[:-3]
    isone.faults.add("*", compressed("gzip", body), times=None)
    assert "cut off before its end (after 2 attempts)" in failure_of(isone.api("x", RESOURCE, max_attempts=2))


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(PLAIN) + b"more"),
        ("deflate", zlib.compress(PLAIN) + b"more"),
        ("br", brotli.compress(PLAIN)[:30] + b"\xff" * 20),
        ("zstd", b"not zstd"),
        ("gzip", b"<html>"),
    ],
)
def test_what_is_not_validly_compressed_is_a_failure(isone: IsoneSandbox, coding: str, body: bytes) -> None:
    isone.faults.add("*", compressed(coding, body), times=None)
    assert "is not validly compressed" in failure_of(isone.api("x", RESOURCE, max_attempts=2))


@all_codings
def test_the_bound_holds_for_each_compression_and_for_all_members(
    isone: IsoneSandbox, coding: str, compress: Callable[[bytes], bytes]
) -> None:
    part = compress(b" " * 600_000)
    whole = compress(b" " * 1_200_000)
    body = part + part if coding.lower() in {"gzip", "x-gzip", "zstd"} else whole
    isone.faults.add("*", compressed(coding, body), times=None)
    reason = failure_of(isone.api("x", RESOURCE, max_response_mb=1))
    assert "returned more than max_response_mb (1 MB)" in reason
    assert len(isone.faults.requests) == 1


def test_the_message_of_an_error_is_shown_though_its_body_is_cut_off(isone: IsoneSandbox) -> None:
    body = gzip.compress(b"the station is closed" * 20)[:-9]
    fault = Fault(status=403, headers={"content-encoding": "gzip"}, body=body)
    isone.faults.add("*", fault)
    assert "HTTP 403 Forbidden" in failure_of(isone.api("x", RESOURCE))


@pytest.mark.parametrize(("status", "said"), [(202, "the data is not ready"), (204, '"empty_when"')])
def test_a_status_without_data_is_asked_again_and_then_fails(
    isone: IsoneSandbox, status: int, said: str
) -> None:
    queued = Fault(status=status, headers={"retry-after": "7"}, body=b"" if status == 204 else b'{"a": 1}')
    isone.faults.add("*", queued, times=2)
    sleep = RecordedSleep()
    assert collect(isone.api("x", RESOURCE), sleep).startswith(b'{"GenFuelMixes"')
    assert sleep.seconds == [7.0, 7.0]
    isone.faults.add("*", queued, times=None)
    reason = failure_of(isone.api("x", RESOURCE, max_attempts=3))
    assert f"HTTP {status} " in reason
    assert said in reason
    assert "(after 3 attempts)" in reason


@pytest.mark.parametrize("status", [203, 206])
def test_a_status_of_other_data_is_refused_at_once(isone: IsoneSandbox, status: int) -> None:
    isone.faults.add("*", Fault(status=status, body=b'[{"a": 1}]'), times=None)
    assert f"HTTP {status} " in failure_of(isone.api("x", RESOURCE))
    assert len(isone.faults.requests) == 1


def test_conditions_on_a_status_without_data_go_first(isone: IsoneSandbox) -> None:
    isone.faults.add("*", faults.status(204))
    assert collect(isone.api("x", RESOURCE, empty_when={"status": 204})) == b""
    isone.faults.add("*", Fault(status=202, body=b'{"error": "no such report"}'))
    assert "no such report" in failure_of(isone.api("x", RESOURCE, error_when={"at": "error"}))


def without_length(body: bytes, headers: bytes = b"") -> Callable[[socket.socket, threading.Event], None]:
    def answer(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n%sConnection: close\r\n\r\n%s" % (headers, body))
        connection.shutdown(socket.SHUT_WR)

    return answer


def collect_csv(url: str, *, window: bool = False, **options: Any) -> CollectedTable:
    dates = {"dates": {"unit": "day", "timezone": "UTC"}, "params": {"day": "{start:%Y-%m-%d}"}}
    api = ApiConfig.model_validate(api_at(url, format="csv", **options, **(dates if window else {})))
    if window:
        start = datetime(2024, 1, 1, tzinfo=UTC)
        day = Window(start, start + timedelta(days=1), start)
        collection = plan_window(api, day, NOW, "s")
    else:
        (collection,) = plan_collections([api], "20240101_000000", NOW)
    with HttpCollector([api], secrets_for(request_for(api_at(url))), RecordedSleep()) as collector:
        return collect_table(collection, collector)


def test_a_body_without_a_length_that_ends_within_a_row_is_a_finding_and_fails_a_window() -> None:
    with raw_server(without_length(CUT)) as (url, _):
        collected = collect_csv(url)
        with pytest.raises(CollectionError) as raised:
            collect_csv(url, window=True)
    said = "the response has no length and its last line is incomplete"
    assert [finding.message for finding in collected.table.findings] == [said]
    assert f"{url}?day=2024-01-01: {said}" in str(raised.value)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PLAIN, b""),
        (PLAIN.replace(b"\n", b"\r\n"), b""),
        (CUT, b"Content-Length: %d\r\n" % len(CUT)),
        (b"%x\r\n%s\r\n0\r\n\r\n" % (len(CUT), CUT), b"Transfer-Encoding: chunked\r\n"),
        (gzip.compress(CUT), b"Content-Encoding: gzip\r\n"),
    ],
    ids=["ends with a line", "CRLF", "length", "chunks", "gzip"],
)
def test_a_body_whose_end_is_known_is_complete(body: bytes, headers: bytes) -> None:
    with raw_server(without_length(body, headers)) as (url, _):
        collected = collect_csv(url, window=True)
    assert not collected.table.findings
    assert collected.table.frame.height in {11, 24}


@pytest.mark.parametrize(
    "words",
    [
        "No data available",
        "Service temporarily unavailable\n",
        "Sorry, there is no data for this day.",
        "Forbidden",
        "The service is down\nPlease try again later\n",
    ],
)
def test_words_where_csv_was_expected_are_told_and_fail_where_keys_are_known(words: str) -> None:
    with raw_server(without_length(words.encode(), b"Content-Length: %d\r\n" % len(words))) as (url, _):
        (finding,) = collect_csv(url).table.findings
        with pytest.raises(DocumentError) as raised:
            collect_csv(url, key_columns=["t"])
    said = f"plain text where CSV was expected: {' '.join(words.split())}"
    assert finding.message == said
    assert said in str(raised.value)
    assert url in str(raised.value)


@pytest.mark.parametrize("body", ["t,mw\n", "t,mw\n1,2\n", "mw\n1\n2\n", "Load MW\n1\n2\n", "t;mw\n"])
def test_a_small_table_is_not_taken_for_words(body: str) -> None:
    with raw_server(without_length(body.encode(), b"Content-Length: %d\r\n" % len(body))) as (url, _):
        assert not collect_csv(url).table.findings


def test_lines_before_the_header_are_no_words() -> None:
    body = b"Day-ahead prices\ntime,mw\n"
    with raw_server(without_length(body, b"Content-Length: %d\r\n" % len(body))) as (url, _):
        collected = collect_csv(url, skip_rows=1, key_columns=["time"])
    assert not collected.table.findings
    assert not collected.table.frame.height


def test_a_json_body_that_is_cut_off_fails_by_itself() -> None:
    body = json.dumps([{"a": 1}, {"a": 2}]).encode()[:-3]
    with raw_server(without_length(body)) as (url, _), pytest.raises(DocumentError):
        collect_table_of_json(url)


def collect_table_of_json(url: str) -> CollectedTable:
    api = ApiConfig.model_validate(api_at(url))
    (collection,) = plan_collections([api], "20240101_000000", NOW)
    with HttpCollector([api], secrets_for(request_for(api_at(url))), RecordedSleep()) as collector:
        return collect_table(collection, collector)
