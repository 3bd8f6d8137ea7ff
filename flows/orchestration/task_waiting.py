"""Waiting for tasks in the main thread, where a signal may raise an error at any moment."""

from __future__ import annotations

import contextlib
import math
import queue
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

# polars' handler of Ctrl-C does not wake a wait without an end
_SLICE_SECONDS = 0.5


class _Ending(Protocol):
    def add_done_callback(self, fn: Callable[[Any], None]) -> None: ...


class CompletedTasks:
    """The endings of some tasks, to be waited for more than once.

    Prefect's own wait with a timeout breaks off by an alarm, which raises an error within its
    locks: one that is left locked holds a task's thread for good, and with it the run.

    Args:
        futures: Of the tasks.
    """

    def __init__(self, futures: Collection[_Ending]) -> None:
        self._count = len(futures)
        # whose methods are no Python code, which an error could leave half done
        self._ended: list[Any] = []
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        for future in futures:
            future.add_done_callback(self._note)

    @property
    def ended(self) -> Sequence[Any]:
        """The futures of those that have ended, in the order in which they did."""
        return tuple(self._ended)

    def wait(self, seconds: float = math.inf) -> bool:
        """Wait until all have ended, or so long; whether all have."""
        until = time.monotonic() + seconds
        while len(self._ended) < self._count and (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self._news.get(timeout=min(left, _SLICE_SECONDS))
        return len(self._ended) >= self._count

    def _note(self, future: object) -> None:
        self._ended.append(future)
        self._news.put(None)
