"""The HTTP connections of one run, kept from request to request."""

from __future__ import annotations

import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from flows.api_config import ApiConfig
from flows.http_collector.bounded_network import BoundedClient
from flows.http_collector.host_limits import host_of


class Connections:
    """Clients with their connections, HTTP/2 where the server has it, each lent to one attempt at a time.

    Threads do not share one: an attempt that is given up at its deadline closes its connection, and with
    HTTP/2 every other reply on it.

    Args:
        stopping: Set when the run is ending, which ends what the clients read.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._lock = threading.Lock()
        self._is_closed = False
        self._tls: dict[bool, ssl.SSLContext] = {}
        self._idle: defaultdict[tuple[str, bool], list[BoundedClient]] = defaultdict(list)

    @contextmanager
    def lend(self, api: ApiConfig, seconds: float) -> Iterator[httpx.Client]:
        """A client for one attempt at an API, which ends within so many seconds.

        It is kept for the next attempt at the API's host, but where this one fails: an unread rest of a
        reply may be on its connection then.
        """
        place = (host_of(api), api.verify_tls)
        with self._lock:
            idle = self._idle[place]
            client = idle.pop() if idle else self._new_client(verify_tls=api.verify_tls)
        client.end_within(seconds)
        try:
            yield client
        except BaseException:
            client.close()
            raise
        with self._lock:
            is_kept = not self._is_closed
            if is_kept:
                self._idle[place].append(client)
        if not is_kept:
            client.close()

    def close(self) -> None:
        """Close all connections; those that are lent as soon as they come back."""
        with self._lock:
            self._is_closed = True
            clients = [client for idle in self._idle.values() for client in idle]
            self._idle.clear()
        for client in clients:
            client.close()

    def _new_client(self, *, verify_tls: bool) -> BoundedClient:
        if verify_tls not in self._tls:
            # which reads the certificates of all authorities, once for all clients
            self._tls[verify_tls] = httpx.create_ssl_context(verify=verify_tls)
        return BoundedClient(
            self._stopping,
            verify=self._tls[verify_tls],
            http2=True,
            headers={"User-Agent": "energy-pipeline"},
        )
