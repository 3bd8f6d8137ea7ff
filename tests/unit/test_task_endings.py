"""Waiting for tasks: until all are done, or so long, and whatever a signal handler raises meanwhile."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from types import FrameType

import pytest

from flows.orchestration.task_waiting import CompletedTasks


class _InterruptedError(Exception):
    pass


def test_it_waits_for_all_also_for_those_that_were_done_before() -> None:
    before, failing, later = (Future[None]() for _ in range(3))
    before.set_result(None)
    tasks = CompletedTasks([before, failing, later])
    assert not tasks.wait(0.01)
    failing.set_exception(ValueError())
    assert not tasks.wait(0.01)
    threading.Timer(0.05, later.set_result, [None]).start()
    assert tasks.wait(30)
    assert tasks.completed == (before, failing, later)
    assert tasks.wait(0)
    assert CompletedTasks([]).wait(0)


@pytest.fixture
def interrupting() -> Iterator[signal.Signals]:
    """A signal whose handler raises an exception in the main thread, as those that end a run do."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise _InterruptedError

    number = signal.SIGUSR1
    before = signal.signal(number, interrupt)
    yield number
    signal.signal(number, before)


def test_an_exception_raised_while_it_waits_blocks_no_task(interrupting: signal.Signals) -> None:
    main_thread = threading.get_ident()
    chance = random.Random(4711)
    interrupted = 0
    for _ in range(200):
        future = Future[None]()
        tasks = CompletedTasks([future])
        pause = chance.uniform(0, 0.002)

        def end(future: Future[None] = future, pause: float = pause) -> None:
            time.sleep(pause)
            signal.pthread_kill(main_thread, interrupting)
            future.set_result(None)

        thread = threading.Thread(target=end, daemon=True)
        try:
            thread.start()
            tasks.wait(30)
            thread.join(30)
        except _InterruptedError:
            interrupted += 1
        thread.join(30)
        assert not thread.is_alive(), "a task waits for ever"
        assert tasks.wait(30)
    assert interrupted
