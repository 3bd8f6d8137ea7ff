"""The limits of a host: requests at once, requests per second, and its circuit breakers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from flows.api_config import ApiConfig

DEFAULT_MAX_CONCURRENCY = 8
# requests in a row, each with all its attempts, that got no connection or no complete response
MAX_CONSECUTIVE_TIMEOUTS = 4
# an archive may answer HTTP 500 for every day before its first, and works for the days after
MAX_CONSECUTIVE_FAILURES = 50


class HostLimit:
    """The limits of one host, shared by all its APIs and all threads.

    It holds two circuit breakers, which open after `MAX_CONSECUTIVE_TIMEOUTS` and
    `MAX_CONSECUTIVE_FAILURES` failed requests and close with the next response.

    Args:
        max_concurrency: Requests at the same time.
        requests_per_second: Requests start at least its inverse apart; None for no limit.
        wait: Waits some seconds; raises to give up.

    Attributes:
        interval: Seconds between the starts of two requests.
    """

    def __init__(
        self, max_concurrency: int, requests_per_second: float | None, wait: Callable[[float], None]
    ) -> None:
        self.interval = 1 / requests_per_second if requests_per_second else 0.0
        self._slots = threading.BoundedSemaphore(max_concurrency)
        self._wait = wait
        self._lock = threading.Lock()
        self._next_start = 0.0
        self._consecutive_timeouts = 0
        self._consecutive_failures = 0

    @property
    def is_timeout_circuit_open(self) -> bool:
        """Whether so many requests in a row timed out that requests are not retried.

        Each request is still sent once, which closes the circuit when the host is back.
        """
        with self._lock:
            return self._consecutive_timeouts >= MAX_CONSECUTIVE_TIMEOUTS

    @property
    def is_failure_circuit_open(self) -> bool:
        """Whether so many requests in a row failed that a backfill does not try its other windows."""
        with self._lock:
            return self._consecutive_failures >= MAX_CONSECUTIVE_FAILURES

    def record_response(self) -> None:
        """Close both circuits: the host gave a response, even if it is a 4xx."""
        with self._lock:
            self._consecutive_timeouts = self._consecutive_failures = 0

    def record_failure(self, *, got_no_response: bool) -> None:
        """Count a request that failed with all its attempts; `got_no_response`: see `AttemptFailedError`."""
        with self._lock:
            self._consecutive_failures += 1
            self._consecutive_timeouts = self._consecutive_timeouts + 1 if got_no_response else 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the host's slots, and wait until the next request may start."""
        with self._slots:
            self._wait(self._seconds_until_start())
            yield

    def _seconds_until_start(self) -> float:
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next_start)
            self._next_start = start + self.interval
            return start - now


def host_limits(apis: Iterable[ApiConfig], wait: Callable[[float], None]) -> dict[str, HostLimit]:
    """One limit for each host (`name:port`), the strictest that any of its APIs asks for."""
    by_host: dict[str, list[ApiConfig]] = {}
    for api in apis:
        by_host.setdefault(host_of(api), []).append(api)
    return {
        host: HostLimit(
            min(
                (api.max_concurrency for api in group if api.max_concurrency), default=DEFAULT_MAX_CONCURRENCY
            ),
            min((api.requests_per_second for api in group if api.requests_per_second), default=None),
            wait,
        )
        for host, group in by_host.items()
    }


def host_of(api: ApiConfig) -> str:
    """The host of an API, with its port where the URL names one."""
    return urlsplit(api.url).netloc.casefold()
