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
from flows.http_collector.deadlines import BoundedClient
from flows.http_collector.host_limits import host_of
from flows.http_collector.responses import AttemptFailedError

# a process may have 256 files open on some systems
_MAX_IDLE = 32

# a host, whether its certificate is checked, and whether HTTP/2 is offered to it
_Place = tuple[str, bool, bool]


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
        self._without_http2: set[str] = set()
        # the one used last at the end
        self._idle: OrderedDict[BoundedClient, _Place] = OrderedDict()

    @contextmanager
    def lend(self, api: ApiConfig, seconds: float) -> Iterator[BoundedClient]:
        """A client for one attempt at an API, which ends within so many seconds.

        It has the cookies of that API alone, and is kept for the next attempt at its host.
        """
        host = host_of(api)
        place = (host, api.verify_tls, host not in self._without_http2)
        client = self._taken(place)
        with self._lock:
            client.cookies.jar = self._cookies.setdefault(api.name, CookieJar())
        client.leaves_unread = False
        client.end_within(seconds)
        try:
            yield client
        except BaseException as error:
            if not client.has_http2:
                self._keep(client, place)
                raise
            client.close()
            if isinstance(error, AttemptFailedError) and not error.is_answer and error.retryable:
                self._without_http2.add(host)
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
        stale = []
        with self._lock:
            for client in [each for each, its_place in reversed(self._idle.items()) if its_place == place]:
                del self._idle[client]
                if not client.is_stale:
                    break
                stale.append(client)
            else:
                client = self._new_client(place)
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

    def _new_client(self, place: _Place) -> BoundedClient:
        _, verify_tls, http2 = place
        if (verify_tls, http2) not in self._tls:
            # which reads the certificates of all authorities, once for all clients
            self._tls[verify_tls, http2] = httpx.create_ssl_context(verify=verify_tls)
        return BoundedClient(
            self._stopping,
            verify=self._tls[verify_tls, http2],
            http2=http2,
            headers={"User-Agent": "energy-pipeline"},
        )
