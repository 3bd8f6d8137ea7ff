"""Faults that tests script for a local API, and the requests that it received."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

FaultKind = Literal["response", "truncated-json", "truncated-transfer", "no-rows", "hang", "drip", "reset"]


@dataclass(frozen=True)
class Fault:
    """What is sent instead of the API's own response.

    Attributes:
        kind: `response` sends `status`, `headers` and `body`. `truncated-json` sends the first half of
            the real body as if it were whole; `truncated-transfer` breaks the connection after it.
            `no-rows` empties the real body's wrapper. `hang` never answers. `drip` sends the real
            body piece by piece. `reset` closes the connection without an answer.
        seconds: Between the pieces of a drip.
        piece_bytes: Of each of them.
    """

    kind: FaultKind = "response"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.05
    piece_bytes: int = 1


def status(code: int, body: bytes = b"", **headers: str) -> Fault:
    """An error status; `Retry_After="1"` is the header `Retry-After`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status=code, body=body, headers={"content-type": "text/plain", **named})


def html_page() -> Fault:
    """Status 200 with a page of HTML, as a gateway's maintenance page has."""
    body = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"
    return Fault(headers={"content-type": "text/html;charset=utf-8"}, body=body)


def json_body(body: bytes) -> Fault:
    """Status 200 with any bytes as `application/json`."""
    return Fault(headers={"content-type": "application/json"}, body=body)


def redirect(url: str, code: int = 302) -> Fault:
    """A redirect to another address."""
    return Fault(status=code, headers={"location": url})


@dataclass(frozen=True)
class SeenRequest:
    """A request that arrived.

    Attributes:
        path: After the API's base path.
        query: The query string as sent.
        headers: By lower-case name; the value of `authorization` is not kept.
        is_authorised: Whether its credentials were right.
        received_at: `time.monotonic()` seconds.
    """

    path: str
    query: str
    headers: Mapping[str, str]
    is_authorised: bool
    received_at: float


class FaultScript:
    """Faults by path, each for so many requests; it also keeps what arrived. For many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[tuple[str, Fault]] = []
        self._left: list[int | None] = []
        self._seen: list[SeenRequest] = []
        self._in_flight = 0
        self.peak_in_flight = 0

    def add(self, path_pattern: str, fault: Fault, times: int | None = 1) -> None:
        """Send `fault` to the next requests whose path matches; `times` None means always.

        Args:
            path_pattern: As in a shell, e.g. `/genfuelmix/*`.
            fault: What to send.
            times: For how many requests.
        """
        with self._lock:
            self._faults.append((path_pattern, fault))
            self._left.append(times)

    def clear(self) -> None:
        """Send no more faults."""
        with self._lock:
            self._faults, self._left = [], []

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """All requests so far, in the order of their arrival."""
        with self._lock:
            return tuple(self._seen)

    def requests_to(self, path_pattern: str) -> tuple[SeenRequest, ...]:
        """The requests so far whose path matches."""
        return tuple(seen for seen in self.requests if fnmatch.fnmatch(seen.path, path_pattern))

    @contextmanager
    def arrival(self, seen: SeenRequest) -> Iterator[Fault | None]:
        """Keep a request, and the fault it gets, while it is being answered."""
        with self._lock:
            self._seen.append(seen)
            self._in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self._in_flight)
            fault = self._next_fault(seen.path)
        try:
            yield fault
        finally:
            with self._lock:
                self._in_flight -= 1

    def _next_fault(self, path: str) -> Fault | None:
        for index, (pattern, fault) in enumerate(self._faults):
            left = self._left[index]
            if left == 0 or not fnmatch.fnmatch(path, pattern):
                continue
            if left is not None:
                self._left[index] = left - 1
            return fault
        return None
