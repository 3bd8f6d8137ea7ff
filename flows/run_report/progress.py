"""How far a backfill is, for whoever watches it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a backfill is.

    Attributes:
        planned: Hours, days, months or years to collect.
        done: Those that are done with, failed ones included.
        failed: Those that failed.
        rows: Rows stored so far.
        bytes: Bytes of the objects so far.
        seconds: Since it began.
    """

    planned: int
    done: int
    failed: int
    rows: int
    bytes: int
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None where nothing is done yet."""
        return (self.planned - self.done) * self.seconds / self.done if self.done else None


class ProgressCount:
    """Counts what threads get done.

    Args:
        planned: Hours, days, months or years to collect.
    """

    def __init__(self, planned: int) -> None:
        self._planned = planned
        self._begun = time.monotonic()
        self._done = self._failed = self._rows = self._bytes = 0
        self._lock = threading.Lock()

    def add(self, units: int, *, rows: int, size: int, is_failed: bool) -> None:
        """Note units that are done with."""
        with self._lock:
            self._done += units
            self._failed += units if is_failed else 0
            self._rows += rows
            self._bytes += size

    def now(self) -> Progress:
        """How far it is."""
        with self._lock:
            seconds = time.monotonic() - self._begun
            return Progress(self._planned, self._done, self._failed, self._rows, self._bytes, seconds)


ShowProgress = Callable[[Progress], None]
_shown_by: ContextVar[ShowProgress | None] = ContextVar("progress_shown_by", default=None)


@contextmanager
def showing_progress(show: ShowProgress | None) -> Iterator[None]:
    """Within this context, backfills in this thread tell `show` how far they are, about twice a second."""
    token = _shown_by.set(show)
    try:
        yield
    finally:
        _shown_by.reset(token)


def show_progress(progress: Progress) -> None:
    """Tell whoever watches; does nothing where nobody does."""
    show = _shown_by.get()
    if show:
        show(progress)
