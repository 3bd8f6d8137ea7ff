"""Connections whose exchanges end in time: when they should, and at once when the run ends.

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


def bounded_client(stopping: threading.Event, **options: Any) -> httpx.Client:
    """A client whose read timeout counts from the request, and whose reads end when `stopping` is set.

    Args:
        stopping: Set when the run is ending.
        options: Of `httpx.Client`.
    """
    client = httpx.Client(**options)
    # a transport of our own in its place would switch off the proxies of the environment
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool
            pool._network_backend = _BoundedBackend(pool._network_backend, stopping)
    return client


class _BoundedBackend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend, stopping: threading.Event) -> None:
        self._backend = backend
        self._stopping = stopping

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _BoundedStream(stream, self._stopping)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        stream = self._backend.connect_unix_socket(path, timeout, socket_options)
        return _BoundedStream(stream, self._stopping)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, stopping: threading.Event) -> None:
        self._stream = stream
        self._stopping = stopping
        self._asked_at = time.monotonic()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        give_up_at = self._asked_at + (float("inf") if timeout is None else timeout)
        while True:
            if self._stopping.is_set():
                raise httpcore.ReadError("the run is ending")
            seconds_left = give_up_at - time.monotonic()
            if seconds_left <= 0:
                raise httpcore.ReadTimeout("the reply was not complete in time")
            try:
                return self._stream.read(max_bytes, min(seconds_left, _SLICE_SECONDS))
            except httpcore.ReadTimeout:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._asked_at = time.monotonic()
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._stopping)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
