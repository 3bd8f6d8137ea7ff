"""The HTTP connections of one run, kept open from request to request."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar

import httpx

from flows.api_config import ApiConfig
from flows.api_config.network_environment import usable_environment
from flows.http_collector.deadlines import BoundedClient
from flows.http_collector.host_limits import host_of
from flows.http_collector.response_bodies import ACCEPT_ENCODING

# some systems allow a process 256 open files
_MAX_IDLE = 32

# a host, and whether its certificate is verified
_Key = tuple[str, bool]


class Connections:
    """A pool of HTTP clients, each lent to one attempt at a time.

    Attempts do not share a client, because each client has the deadline of one attempt.

    Args:
        stopping: Set when the run is ending, which ends the clients' reads.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._lock = threading.Lock()
        self._is_closed = False
        self._tls: dict[bool, ssl.SSLContext] = {}
        self._cookies: dict[str, CookieJar] = {}
        # the most recently used last
        self._idle: list[tuple[_Key, BoundedClient]] = []

    @contextmanager
    def lend(self, api: ApiConfig, seconds: float) -> Iterator[BoundedClient]:
        """A client for one attempt at an API, with a deadline in `seconds` and this API's cookies only."""
        key = (host_of(api), api.verify_tls)
        with self._lock:
            client = self._take(key)
            client.cookies.jar = self._cookies.setdefault(api.name, CookieJar())
        client.end_within(seconds)
        try:
            yield client
        finally:
            # httpx has closed the connection where the response was not read to its end
            self._keep(key, client)

    def close(self) -> None:
        """Close the idle clients now, and those that are lent when they come back."""
        with self._lock:
            self._is_closed = True
            clients = [client for _, client in self._idle]
            self._idle.clear()
        for client in clients:
            client.close()

    def _take(self, key: _Key) -> BoundedClient:
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index][0] == key:
                return self._idle.pop(index)[1]
        _, verify_tls = key
        if verify_tls not in self._tls:
            # loads all certificate authorities, so once for all clients
            self._tls[verify_tls] = httpx.create_ssl_context(verify=verify_tls)
        with usable_environment():
            return BoundedClient(
                self._stopping,
                verify=self._tls[verify_tls],
                headers={"User-Agent": "energy-pipeline", "Accept-Encoding": ACCEPT_ENCODING},
            )

    def _keep(self, key: _Key, client: BoundedClient) -> None:
        surplus: BoundedClient | None = client
        with self._lock:
            if not self._is_closed:
                self._idle.append((key, client))
                surplus = self._idle.pop(0)[1] if len(self._idle) > _MAX_IDLE else None
        if surplus:
            surplus.close()
