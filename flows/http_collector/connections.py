"""The HTTP connections of one run, kept from request to request."""

from __future__ import annotations

import ssl
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar

import httpx

from flows.api_config import ApiConfig
from flows.http_collector.bounded_network import BoundedClient
from flows.http_collector.host_limits import host_of
from flows.http_collector.replies import AttemptFailedError

# a process may have 256 files open on some systems
_MAX_IDLE = 32

_Place = tuple[str, bool]


class Connections:
    """Clients with their connections, HTTP/2 where the server has it, each lent to one attempt at a time.

    Threads do not share one: an attempt that is given up at its deadline closes its connection, and with
    HTTP/2 every other reply on it. A host whose HTTP/2 fails is asked by HTTP/1.1 from then on.

    Args:
        stopping: Set when the run is ending, which ends what the clients read.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._lock = threading.Lock()
        self._is_closed = False
        self._tls: dict[tuple[bool, bool], ssl.SSLContext] = {}
        self._cookies: dict[str, CookieJar] = {}
        self._without_http2: set[_Place] = set()
        # the one used last at the end
        self._idle: OrderedDict[BoundedClient, _Place] = OrderedDict()

    @contextmanager
    def lend(self, api: ApiConfig, seconds: float) -> Iterator[BoundedClient]:
        """A client for one attempt at an API, which ends within so many seconds.

        It has the cookies of that API alone, and is kept for the next attempt at its host.
        """
        place = (host_of(api), api.verify_tls)
        client = self._taken(place)
        with self._lock:
            client.cookies.jar = self._cookies.setdefault(api.name, CookieJar())
        client.leaves_unread = False
        client.end_within(seconds)
        try:
            yield client
        except BaseException as error:
            if client.has_http2:
                is_fault = isinstance(error, AttemptFailedError) and not error.is_answer and error.retryable
                self._give_up_http2(client, place if is_fault else None)
            else:
                self._keep(client, place)
            raise
        if client.leaves_unread and client.has_http2:
            # where it would use up what may be under way on the connection
            client.close()
        else:
            self._keep(client, place)

    def close(self) -> None:
        """Close all connections; those that are lent as soon as they come back."""
        with self._lock:
            self._is_closed = True
            clients = list(self._idle)
            self._idle.clear()
        for client in clients:
            client.close()

    def _taken(self, place: _Place) -> BoundedClient:
        with self._lock:
            found = [client for client, its_place in self._idle.items() if its_place == place]
            for client in found:
                del self._idle[client]
            stale = [client for client in found if client.is_stale]
            fresh = [client for client in found if client not in stale]
            client = fresh.pop() if fresh else self._new_client(place)
            self._idle.update(dict.fromkeys(fresh, place))
        for each in stale:
            each.close()
        return client

    def _keep(self, client: BoundedClient, place: _Place) -> None:
        too_many = [client]
        with self._lock:
            if not self._is_closed:
                self._idle[client] = place
                too_many = [self._idle.popitem(last=False)[0]] if len(self._idle) > _MAX_IDLE else []
        for each in too_many:
            each.close()

    def _give_up_http2(self, client: BoundedClient, place: _Place | None) -> None:
        client.close()
        with self._lock:
            if place:
                self._without_http2.add(place)
            others = [each for each, its_place in self._idle.items() if its_place == place]
            for other in others:
                del self._idle[other]
        for other in others:
            other.close()

    def _new_client(self, place: _Place) -> BoundedClient:
        _, verify_tls = place
        http2 = place not in self._without_http2
        if (verify_tls, http2) not in self._tls:
            # which reads the certificates of all authorities, once for all clients
            self._tls[verify_tls, http2] = httpx.create_ssl_context(verify=verify_tls)
        return BoundedClient(
            self._stopping,
            verify=self._tls[verify_tls, http2],
            http2=http2,
            headers={"User-Agent": "energy-pipeline"},
        )
