"""An httpx client with a deadline for each exchange, and whose reads end when the run ends.

httpx has no total timeout: its read timeout starts anew with each byte, so a server that sends a byte
now and then holds a thread for ever (https://github.com/encode/httpx/issues/1450). Nor can a blocked
read notice that the run is ending.

This module therefore patches httpx. It replaces the network backend of the client's connection pools
through private attributes: `httpx.Client._transport` and `._mounts`, `httpx.HTTPTransport._pool` and
`httpcore.ConnectionPool._network_backend`. `pyproject.toml` pins httpx and httpcore for this reason. The
module can go when httpx has a total timeout and a way to cancel a read.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore
import httpx

from flows.http_collector.redirects import resolve

# how long a blocked read may take to notice that the run is ending
_SLICE_SECONDS = 0.25


class BoundedClient(httpx.Client):
    """A client for one exchange at a time, whose reads end at its deadline and when `stopping` is set.

    Args:
        stopping: Set when the run is ending.
        options: Arguments of `httpx.Client`.
    """

    def __init__(self, stopping: threading.Event, **options: Any) -> None:
        super().__init__(**options)
        self._deadline = _Deadline(stopping)
        self._addresses: dict[str, list[str]] = {}
        # a transport passed to httpx.Client would switch off the proxies named in the environment
        for transport in (self._transport, *self._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):
                pool = transport._pool
                backend = pool._network_backend
                pool._network_backend = _BoundedBackend(backend, self._deadline, self.addresses)

    def has_proxy_for(self, url: httpx.URL) -> bool:
        """Whether requests to a URL are sent through a proxy that the environment names."""
        return self._transport_for_url(url) is not self._transport

    def end_within(self, seconds: float) -> None:
        """Begin an exchange: all its reads end `seconds` from now, and it resolves names anew."""
        self._deadline.at = time.monotonic() + seconds
        self._addresses.clear()

    def addresses(self, host: str) -> list[str]:
        """The addresses of a host, resolved once in an exchange: those that were checked are connected to."""
        if host not in self._addresses:
            self._addresses[host] = resolve(host)
        return self._addresses[host]


class _Deadline:
    """Until when (`time.monotonic()`) a client may read."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self.at = float("inf")

    def seconds_left(self) -> float:
        """The time left.

        Raises:
            httpcore.ReadError: If the run is ending.
            httpcore.ReadTimeout: If the deadline has passed.
        """
        if self._stopping.is_set():
            raise httpcore.ReadError("the run is ending")
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout("the response was not complete before the deadline")
        return seconds


class _BoundedBackend(httpcore.NetworkBackend):
    def __init__(
        self,
        backend: httpcore.NetworkBackend,
        deadline: _Deadline,
        addresses: Callable[[str], Sequence[str]],
    ) -> None:
        self._backend = backend
        self._deadline = deadline
        self._addresses = addresses

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        # where the name does not resolve, the error is that of connecting to it
        *others, last = self._addresses(host) or [host]
        for address in others:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                stream = self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
                return _BoundedStream(stream, self._deadline)
        stream = self._backend.connect_tcp(last, port, timeout, local_address, socket_options)
        return _BoundedStream(stream, self._deadline)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        stream = self._backend.connect_unix_socket(path, timeout, socket_options)
        return _BoundedStream(stream, self._deadline)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline is sooner
        while True:
            seconds = min(self._deadline.seconds_left(), _SLICE_SECONDS)
            try:
                return self._stream.read(max_bytes, seconds)
            except httpcore.ReadTimeout:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
