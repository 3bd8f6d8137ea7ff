"""Connections whose exchanges end in time: when they should, and soon where the run ends.

The HTTP client bounds each read, so that a server which sends a byte now and then holds it for
ever, and a read that waits does not notice that the run is ending.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

# how long a waiting read may take to notice that the run is ending
_SLICE_SECONDS = 0.25


class BoundedClient(httpx.Client):
    """A client for one exchange at a time, whose reads end at its deadline and when `stopping` is set.

    Args:
        stopping: Set when the run is ending.
        options: Of `httpx.Client`.

    Attributes:
        leaves_unread: The rest of a reply may still come on one of its connections.
    """

    def __init__(self, stopping: threading.Event, **options: Any) -> None:
        super().__init__(**options)
        self.leaves_unread = False
        self._bound = _Bound(stopping)
        # a transport of our own in its place would switch off the proxies of the environment
        for transport in (self._transport, *self._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):
                pool = transport._pool
                pool._network_backend = _BoundedBackend(pool._network_backend, self._bound)

    def end_within(self, seconds: float) -> None:
        """Let no read last beyond so many seconds from now."""
        self._bound.deadline = time.monotonic() + seconds

    @property
    def has_http2(self) -> bool:
        """Whether one of its connections is HTTP/2."""
        return any(_is_http2(stream) for stream in self._bound.streams)

    @property
    def is_stale(self) -> bool:
        """Whether something has come on an idle HTTP/2 connection, most likely its end.

        The HTTP client looks for that itself, but only with HTTP/1.1.
        """
        return any(
            _is_http2(stream) and stream.get_extra_info("is_readable") for stream in self._bound.streams
        )


def _is_http2(stream: httpcore.NetworkStream) -> bool:
    tls = stream.get_extra_info("ssl_object")
    return tls is not None and tls.selected_alpn_protocol() == "h2"


class _Bound:
    """Until when the client may read, and its open connections."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self.deadline = float("inf")
        self.streams: set[httpcore.NetworkStream] = set()

    def seconds_left(self) -> float:
        """Until the deadline.

        Raises:
            httpcore.ReadError: The run is ending.
            httpcore.ReadTimeout: The deadline is over.
        """
        if self._stopping.is_set():
            raise httpcore.ReadError("the run is ending")
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout("the reply was not complete in time")
        return seconds


class _BoundedBackend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend, bound: _Bound) -> None:
        self._backend = backend
        self._bound = bound

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _BoundedStream(stream, self._bound)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        stream = self._backend.connect_unix_socket(path, timeout, socket_options)
        return _BoundedStream(stream, self._bound)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, bound: _Bound) -> None:
        self._stream = stream
        self._bound = bound
        bound.streams.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline is sooner
        while True:
            seconds = min(self._bound.seconds_left(), _SLICE_SECONDS)
            try:
                return self._stream.read(max_bytes, seconds)
            except httpcore.ReadTimeout:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._bound.streams.discard(self)
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._bound.streams.discard(self)
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._bound)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
