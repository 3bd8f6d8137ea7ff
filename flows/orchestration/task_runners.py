"""Threads by default; and what differs for tasks where a caller chose another task runner."""

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
    """The flows' default task runner, with `ENERGY_PIPELINE_MAX_WORKERS` threads.

    Another one is chosen as for any flow: `energy_pipeline.with_options(task_runner=DaskTaskRunner())`.
    """
    try:
        max_workers = Settings().max_workers
    except ConfigError:
        # the flow must still load: its run reports what is wrong with the settings
        max_workers = None
    return ThreadPoolTaskRunner(max_workers=max_workers or _DEFAULT_WORKERS)


def has_remote_tasks() -> bool:
    """Whether the tasks of the current flow run run in other processes than the flow."""
    context = FlowRunContext.get()
    return context is not None and not isinstance(context.task_runner, ThreadPoolTaskRunner)


def quoted_for_threads(parameter: Any) -> Any:
    """A task parameter in which Prefect need not search every field for futures of other tasks.

    Only for threads: Dask takes Prefect's `quote` for a tuple of its own.
    """
    return parameter if has_remote_tasks() else quote(parameter)


@contextmanager
def reporting_scheduler_errors() -> Iterator[None]:
    """Report a scheduler of a task runner that does not respond as a wrong setting, in one line.

    Raises:
        ConfigError: It does not respond.
    """
    try:
        yield
    except OSError as error:
        if not has_remote_tasks():
            raise
        raise ConfigError([Problem("task runner", "", f"its scheduler does not answer: {error}")]) from None
