"""HTTP/2, from servers that have it: connections are kept, and no exchange ends another."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import hypercorn.asyncio
import hypercorn.config
import pytest
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived
from starlette.types import Receive, Scope, Send

from flows.api_config import ApiConfig, ResolvedSecrets
from flows.http_collector import CollectionError, HttpCollector
from flows.request_plan import CollectionRequest, plan_collections
from tests.conftest import NOW

REPLY = b'[{"GenMw": 1}]'


@dataclass
class Http2Server:
    """Serves over TLS on a port that the system picked: `/hangs` for ever, `/waits` until it may answer."""

    certificate: Path
    key: Path
    seen: list[tuple[str, int]] = field(default_factory=list)
    hanging: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.may_answer.set()
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()
        self._loop.close()
        self._listener.close()

    def _serve(self) -> None:
        config = hypercorn.config.Config()
        config.bind = [f"fd://{self._listener.detach()}"]
        config.certfile, config.keyfile = str(self.certificate), str(self.key)
        config.graceful_timeout = config.shutdown_timeout = 0.1
        config.errorlog = None
        serving = hypercorn.asyncio.serve(self._app, config, shutdown_trigger=self._ending.wait)  # type: ignore[arg-type]
        self._loop.run_until_complete(serving)

    async def _app(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.seen.append((scope["http_version"], scope["client"][1]))
        if scope["path"] == "/hangs":
            self.hanging.set()
            await asyncio.Event().wait()
        if scope["path"] == "/waits":
            self.waiting.set()
            await asyncio.to_thread(self.may_answer.wait)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": REPLY})


@dataclass(frozen=True)
class Certificate:
    """Files of a server's certificate and its key, for 127.0.0.1."""

    chain: Path
    key: Path


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    server.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    server.private_key_pem.write_to_path(tmp_path / "server.key")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return Certificate(tmp_path / "server.pem", tmp_path / "server.key")


@pytest.fixture
def server(certificate: Certificate) -> Iterator[Http2Server]:
    with Http2Server(certificate.chain, certificate.key) as running:
        yield running


def request_for(url: str, **options: Any) -> CollectionRequest:
    entry = {"name": url, "url": url, "output_folder": "f", "csv_prefix": "p", "max_attempts": 1, **options}
    (collection,) = plan_collections([ApiConfig.model_validate(entry)], "20240101_000000", NOW)
    return collection.requests[0]


def collector_for(*requests: CollectionRequest) -> HttpCollector:
    return HttpCollector([request.api for request in requests], ResolvedSecrets({}))


def test_requests_follow_one_another_on_one_connection_of_http_2(server: Http2Server) -> None:
    requests = [request_for(f"{server.url}/{number}") for number in range(5)]

    with collector_for(*requests) as collector:
        assert {collector.collect(request).body for request in requests} == {REPLY}

    assert len(server.seen) == 5
    assert len(set(server.seen)) == 1
    assert server.seen[0][0] == "2"


def test_a_reply_that_is_given_up_does_not_end_another(server: Http2Server) -> None:
    hanging = request_for(f"{server.url}/hangs", timeout_seconds=1)
    slow = request_for(f"{server.url}/waits")
    replies: list[bytes] = []

    with collector_for(hanging, slow) as collector:
        other = threading.Thread(target=lambda: replies.append(collector.collect(slow).body))
        other.start()
        assert server.waiting.wait(30)
        with pytest.raises(CollectionError, match=r"/hangs .*within 1 s"):
            collector.collect(hanging)
        server.may_answer.set()
        other.join(30)

    assert server.hanging.is_set()
    assert replies == [REPLY]


Behave = Callable[[H2Connection, ssl.SSLSocket], None]


@contextmanager
def raw_server(
    certificate: Certificate, *behaviours: Behave, protocols: tuple[str, ...] = ("h2",)
) -> Iterator[str]:
    """Treats one connection after the other in these ways; gives its URL."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate.chain, certificate.key)
    tls.set_alpn_protocols(list(protocols))

    def serve() -> None:
        for behave in behaviours:
            connection = H2Connection(H2Configuration(client_side=False))
            accepted, _ = listener.accept()
            with suppress(OSError), tls.wrap_socket(accepted, server_side=True) as stream:
                behave(connection, stream)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(30)


def request_on(connection: H2Connection, stream: ssl.SSLSocket) -> int:
    """The number of the stream on which a request has come."""
    connection.initiate_connection()
    stream.sendall(connection.data_to_send())
    while True:
        for event in connection.receive_data(stream.recv(65536)):
            if isinstance(event, RequestReceived):
                return event.stream_id or 0
        stream.sendall(connection.data_to_send())


def reply(connection: H2Connection, stream: ssl.SSLSocket, body: bytes, length: int) -> None:
    number = request_on(connection, stream)
    connection.send_headers(number, [(":status", "200"), ("content-length", str(length))])
    connection.send_data(number, body, end_stream=True)
    stream.sendall(connection.data_to_send())


def test_a_server_that_only_pings_does_not_hold_a_request(certificate: Certificate) -> None:
    pings = 0

    def ping(connection: H2Connection, stream: ssl.SSLSocket) -> None:
        nonlocal pings
        connection.initiate_connection()
        stream.sendall(connection.data_to_send())
        while received := stream.recv(65536):
            connection.receive_data(received)
            connection.ping(b"and more")
            stream.sendall(connection.data_to_send())
            pings += 1

    with raw_server(certificate, ping) as url:
        request = request_for(url, timeout_seconds=1)
        with collector_for(request) as collector, pytest.raises(CollectionError, match="within 1 s"):
            collector.collect(request)
    assert pings


def test_a_connection_that_the_server_has_ended_is_not_used_again(certificate: Certificate) -> None:
    is_ended = threading.Event()

    def end_after_a_reply(connection: H2Connection, stream: ssl.SSLSocket) -> None:
        reply(connection, stream, REPLY, len(REPLY))
        connection.close_connection()
        stream.sendall(connection.data_to_send())
        stream.shutdown(socket.SHUT_WR)
        is_ended.set()
        # closed with something unread, the connection would be reset before its reply is read
        while stream.recv(65536):
            continue

    with raw_server(certificate, end_after_a_reply, end_after_a_reply) as url:
        requests = [request_for(f"{url}/{number}") for number in range(2)]
        with collector_for(*requests) as collector:
            for request in requests:
                is_ended.clear()
                assert collector.collect(request).body == REPLY
                assert is_ended.wait(30)


def test_a_reply_that_ends_too_soon_is_a_connection_that_broke(certificate: Certificate) -> None:
    def end_too_soon(connection: H2Connection, stream: ssl.SSLSocket) -> None:
        reply(connection, stream, b"[", length=100)

    with raw_server(certificate, end_too_soon) as url:
        request = request_for(url)
        with (
            collector_for(request) as collector,
            pytest.raises(CollectionError, match=r"connection to .* broke"),
        ):
            collector.collect(request)


def test_a_server_whose_http_2_fails_is_asked_by_http_1_1(certificate: Certificate) -> None:
    seen: list[str | None] = []

    def answer_by_http_1_1_alone(connection: H2Connection, stream: ssl.SSLSocket) -> None:
        seen.append(stream.selected_alpn_protocol())
        if seen[-1] == "h2":
            connection.reset_stream(request_on(connection, stream), ErrorCodes.HTTP_1_1_REQUIRED)
            stream.sendall(connection.data_to_send())
            while stream.recv(65536):
                continue
        else:
            stream.recv(65536)
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(REPLY), REPLY))

    with raw_server(
        certificate, answer_by_http_1_1_alone, answer_by_http_1_1_alone, protocols=("h2", "http/1.1")
    ) as url:
        request = request_for(url, max_attempts=2)
        with collector_for(request) as collector:
            assert collector.collect(request).body == REPLY
    assert seen == ["h2", "http/1.1"]
