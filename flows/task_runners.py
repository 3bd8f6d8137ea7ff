"""What a run's tasks run in: threads, or the processes of Dask or Ray, as the settings say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, cast

from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from flows.api_config import ConfigError, Problem, Settings

_DEFAULT_WORKERS = 16

AnyTaskRunner = TaskRunner[PrefectFuture[Any]]


class TaskRunnerOfSettings(ThreadPoolTaskRunner[PrefectFuture[Any]]):
    """Stands for the task runner that the settings name when a run begins.

    Not when the flow is loaded: that must succeed whatever the settings are, since it is the run
    that tells what is wrong with them.
    """

    def duplicate(self) -> TaskRunnerOfSettings:
        """The runner for one run; threads where the one that is named cannot be had."""
        try:
            runner = task_runner(Settings())
        except ConfigError:
            runner = _threads()
        # typed as Prefect's runners have it; the run asks for no more than any of them can do
        return cast("TaskRunnerOfSettings", runner)


def task_runner(settings: Settings) -> AnyTaskRunner:
    """The task runner that the settings name.

    Raises:
        ConfigError: Where its package is not installed.
    """
    if settings.task_runner == "dask":
        return _dask(settings)
    if settings.task_runner == "ray":
        return _ray(settings)
    return _threads(settings.max_workers)


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


def _threads(max_workers: int | None = None) -> AnyTaskRunner:
    runner: Any = ThreadPoolTaskRunner
    return cast("AnyTaskRunner", runner(max_workers=max_workers or _DEFAULT_WORKERS))


def _dask(settings: Settings) -> AnyTaskRunner:
    runner = _installed("prefect_dask", "dask").DaskTaskRunner
    if settings.dask_address:
        return cast("AnyTaskRunner", runner(address=settings.dask_address))
    workers = settings.max_workers or _DEFAULT_WORKERS
    # who asks for Dask asks for more than one process
    processes = min(workers, max(2, _cores()))
    cluster = {
        "n_workers": processes,
        "threads_per_worker": -(-workers // processes),
        "processes": True,
        # its page would be open to whoever can reach this machine
        "dashboard_address": None,
    }
    return cast("AnyTaskRunner", runner(cluster_kwargs=cluster))


def _ray(settings: Settings) -> AnyTaskRunner:
    runner = _installed("prefect_ray", "ray").RayTaskRunner
    if settings.ray_address:
        return cast("AnyTaskRunner", runner(address=settings.ray_address))
    # a task takes one of its CPUs, and a process of its own
    workers = settings.max_workers or max(2, _cores())
    return cast("AnyTaskRunner", runner(init_kwargs={"num_cpus": workers, "include_dashboard": False}))


def _installed(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        cause = f"'{extra}' cannot be used here: {error}"
        advice = f"install it: uv sync --extra {extra}, or pip install 'energy-pipeline[{extra}]'"
        raise ConfigError([Problem("ENERGY_PIPELINE_TASK_RUNNER", "", cause, advice)]) from None


def _cores() -> int:
    # those this process may use, which in a container are fewer than the machine's
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
