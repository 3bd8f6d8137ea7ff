"""Progress of a backfill, and the callback that displays it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Progress of a backfill.

    Attributes:
        planned: Units to collect.
        done: Units that are finished, including failed ones.
        failed: Units that failed.
        rows: Rows stored so far.
        bytes: Size of the objects stored so far.
        seconds: Seconds since the start.
    """

    planned: int
    done: int
    failed: int
    rows: int
    bytes: int
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the remaining time at the average pace so far; None before the first unit is done."""
        return (self.planned - self.done) * self.seconds / self.done if self.done else None


class ProgressCount:
    """Counts the finished units of a backfill. Thread-safe.

    Args:
        planned: Units to collect.
    """

    def __init__(self, planned: int) -> None:
        self._planned = planned
        self._started = time.monotonic()
        self._done = self._failed = self._rows = self._bytes = 0
        self._lock = threading.Lock()

    def add(self, units: int, *, rows: int, size: int, is_failed: bool) -> None:
        """Add finished units with their rows and the size of their objects in bytes."""
        with self._lock:
            self._done += units
            self._failed += units if is_failed else 0
            self._rows += rows
            self._bytes += size

    def now(self) -> Progress:
        """The progress at this moment."""
        with self._lock:
            seconds = time.monotonic() - self._started
            return Progress(self._planned, self._done, self._failed, self._rows, self._bytes, seconds)


ShowProgress = Callable[[Progress], None]
_callback: ContextVar[ShowProgress | None] = ContextVar("progress_callback", default=None)


@contextmanager
def showing_progress(show: ShowProgress | None) -> Iterator[None]:
    """Within this context, backfills in this thread call `show` with their progress about twice a second."""
    token = _callback.set(show)
    try:
        yield
    finally:
        _callback.reset(token)


def show_progress(progress: Progress) -> None:
    """Call the callback set by `showing_progress`, if any."""
    show = _callback.get()
    if show:
        show(progress)
