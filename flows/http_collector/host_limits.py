"""Politeness: how many requests a host sees at once, how quickly they follow, and when to let it be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from flows.api_config import ApiConfig

DEFAULT_MAX_CONCURRENCY = 8
# requests in a row that nothing answered, each with all its attempts, until a host counts as down
SILENCES_OF_A_HOST_THAT_IS_DOWN = 4
# an archive may answer HTTP 500 for every day before its first, and is there for the others
FAILURES_OF_A_HOST_THAT_IS_HOPELESS = 50


class HostLimit:
    """The limit of one host, shared by all APIs on it and by all threads.

    Args:
        max_concurrency: Requests under way at once.
        requests_per_second: Starts of requests are at least its inverse apart; None for no limit.
        wait: Waits some seconds; raises to give up.
    """

    def __init__(
        self, max_concurrency: int, requests_per_second: float | None, wait: Callable[[float], None]
    ) -> None:
        self._places = threading.BoundedSemaphore(max_concurrency)
        self.interval = 1 / requests_per_second if requests_per_second else 0.0
        """Seconds between the starts of two requests."""
        self._wait = wait
        self._lock = threading.Lock()
        self._next_start = 0.0
        self._silences_in_a_row = 0
        self._failures_in_a_row = 0

    @property
    def is_down(self) -> bool:
        """Whether so many requests in a row had no answer that asking again is of no use for now.

        Each request is still sent once, so that a host that is back is noticed.
        """
        with self._lock:
            return self._silences_in_a_row >= SILENCES_OF_A_HOST_THAT_IS_DOWN

    @property
    def is_hopeless(self) -> bool:
        """Whether so many requests failed in a row that a host which does answer is not worth asking."""
        with self._lock:
            return self._failures_in_a_row >= FAILURES_OF_A_HOST_THAT_IS_HOPELESS

    def answered(self) -> None:
        """The host gave a reply, be it a refusal."""
        with self._lock:
            self._silences_in_a_row = self._failures_in_a_row = 0

    def failed(self, *, is_silent: bool) -> None:
        """A request failed by a fault of the host, and is not sent again; `is_silent`: nothing came back."""
        with self._lock:
            self._failures_in_a_row += 1
            self._silences_in_a_row = self._silences_in_a_row + 1 if is_silent else 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the host's places, once it is this request's turn."""
        with self._places:
            self._wait(self._seconds_until_turn())
            yield

    def _seconds_until_turn(self) -> float:
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
    """The host an API is on, with its port where the URL names one."""
    return urlsplit(api.url).netloc.casefold()
