"""Threads by default; where a caller chose another task runner, what differs for its tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from flows.api_config import ConfigError, Problem, Settings

_DEFAULT_WORKERS = 16


def thread_pool() -> ThreadPoolTaskRunner[PrefectFuture[Any]]:
    """The flows' own task runner, with `ENERGY_PIPELINE_MAX_WORKERS` threads.

    Another one is chosen as for any flow: `energy_pipeline.with_options(task_runner=DaskTaskRunner())`.
    """
    try:
        max_workers = Settings().max_workers
    except ConfigError:
        # the flow must still load: its run reports what is wrong with the settings
        max_workers = None
    return ThreadPoolTaskRunner(max_workers=max_workers or _DEFAULT_WORKERS)


def are_tasks_elsewhere() -> bool:
    """Whether the tasks of the flow run this is called in run in other processes than the flow does."""
    context = FlowRunContext.get()
    return context is not None and not isinstance(context.task_runner, ThreadPoolTaskRunner)


def quoted(parameter: Any) -> Any:
    """What tasks are handed, in which Prefect need not look for results of other tasks, field by field.

    Only for threads: Dask takes the quotation for a tuple of its own.
    """
    return parameter if are_tasks_elsewhere() else quote(parameter)


@contextmanager
def reaching_the_scheduler() -> Iterator[None]:
    """Within this context, tasks are handed over; a scheduler that does not answer is told in one line.

    Raises:
        ConfigError: Where it does not.
    """
    try:
        yield
    except OSError as error:
        if not are_tasks_elsewhere():
            raise
        raise ConfigError([Problem("task runner", "", f"its scheduler does not answer: {error}")]) from None
