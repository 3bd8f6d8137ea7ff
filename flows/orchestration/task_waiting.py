"""Mapping a task over items and waiting for it in the main thread, where a signal may end the run."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol, TypeVar

from prefect import unmapped
from prefect.futures import PrefectFuture, wait
from prefect.tasks import Task

from flows.collection.api_collector import ApiCollector
from flows.orchestration.run_context import RunParameters
from flows.orchestration.task_runners import quoted_for_threads, reporting_scheduler_errors
from flows.process.interrupts import delaying_interrupts

# how long tasks under way may take when the run is ended from outside
_ENDING_SECONDS = 1
# how often a backfill's progress is shown
_PROGRESS_SECONDS = 0.5
# a run can be ended between these and the next
_SUBMITTED_AT_ONCE = 16
Item = TypeVar("Item")


def map_and_wait(
    task: Task[..., Any],
    items: Sequence[Item],
    parameters: RunParameters,
    api_collector: ApiCollector,
    show_progress: Callable[[Sequence[tuple[Item, PrefectFuture[Any]]]], object] = lambda _: None,
) -> list[PrefectFuture[Any]]:
    """Map a task over items and wait for all; stop sending requests where the run is ended from outside.

    Args:
        task: Called with an item and the parameters.
        items: What to call it for.
        parameters: Those of the run.
        api_collector: The collector that the tasks of this process share.
        show_progress: Called every half second, and at the end, with the items whose tasks are done.

    Returns:
        The futures of the tasks, in the order of the items.
    """
    futures: list[PrefectFuture[Any]] = []
    try:
        for first in range(0, len(items), _SUBMITTED_AT_ONCE):
            some = items[first : first + _SUBMITTED_AT_ONCE]
            with reporting_scheduler_errors(), delaying_interrupts():
                futures += task.map(quoted_for_threads(some), unmapped(quoted_for_threads(parameters)))
        item_of = {future.task_run_id: item for item, future in zip(items, futures, strict=True)}
        tasks = CompletedTasks(futures)
        are_all_done = False
        while not are_all_done:
            are_all_done = tasks.wait(_PROGRESS_SECONDS)
            show_progress([(item_of[future.task_run_id], future) for future in tasks.completed])
        # sets the final states of the futures
        wait(futures)
    except BaseException:
        # what is tabulated is in the spool; uploads that are soon done need not be repeated by the next run
        api_collector.stop()
        CompletedTasks(futures).wait(_ENDING_SECONDS)
        raise
    return futures


class _Future(Protocol):
    def add_done_callback(self, fn: Callable[[Any], None]) -> None: ...


class CompletedTasks:
    """Waits for Prefect futures with a timeout.

    `prefect.futures.wait(timeout=)` raises its timeout by SIGALRM, which can leave a lock of a future held
    and block the thread of its task.

    Args:
        futures: The futures of the tasks.
    """

    def __init__(self, futures: Collection[_Future]) -> None:
        self._count = len(futures)
        # list.append and SimpleQueue are implemented in C, so that an exception cannot leave them half done
        self._completed: list[Any] = []
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        for future in futures:
            future.add_done_callback(self._note)

    @property
    def completed(self) -> Sequence[Any]:
        """The futures that are done, in the order of their completion."""
        return tuple(self._completed)

    def wait(self, seconds: float) -> bool:
        """Wait at most so long until all are done; whether all are done.

        The timeout is needed: polars' signal handler does not interrupt a wait without one.
        """
        until = time.monotonic() + seconds
        while len(self._completed) < self._count and (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self._news.get(timeout=left)
        return len(self._completed) >= self._count

    def _note(self, future: object) -> None:
        self._completed.append(future)
        self._news.put(None)
