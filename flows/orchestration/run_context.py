"""How the tasks of a run come by what they share, in the flow's process or in another one."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from flows.api_config import ExplicitBucket, Settings, use_bucket
from flows.collection.api_collector import ApiCollector
from flows.collection.window_collector import WindowCollector
from flows.http_collector import HttpCollector
from flows.orchestration.global_host_limits import shared_places
from flows.orchestration.run_resources import RunResources, open_run_resources
from flows.run_report.progress import ProgressCount


@dataclass(frozen=True)
class RunParameters:
    """What a task is handed of its run: enough to open its parts anew, and no secret.

    Attributes:
        run_id: Of the flow run.
        started_at: When it first started.
        apis: The names of its APIs.
        config_file: The configuration, where it is not that of the settings.
        s3_block: The block to store into, where it is not that of the settings.
        bucket: The bucket that was named for the run, if one was.
    """

    run_id: str
    started_at: datetime
    apis: tuple[str, ...] = field(repr=False)
    config_file: str | None = None
    s3_block: str | None = None
    bucket: ExplicitBucket | None = None


@dataclass(frozen=True)
class SharedRun:
    """What the tasks of a run share within one process."""

    run: ApiCollector
    windows: WindowCollector


class RunIsOverError(Exception):
    """A task was still to begin when its run was ended."""


_open: dict[str, SharedRun] = {}
_over: set[str] = set()
_lock = threading.Lock()
_at_exit = ExitStack()
atexit.register(_at_exit.close)


@contextmanager
def sharing(parameters: RunParameters, prepared: RunResources, planned: int = 0) -> Iterator[SharedRun]:
    """In this process, tasks with this parameters share what was prepared.

    Args:
        parameters: Theirs.
        prepared: What the flow has opened.
        planned: Hours, days, months or years to collect, of a backfill.
    """
    with _opened(parameters, prepared, planned) as shared:
        with _lock:
            _open[parameters.run_id] = shared
            _over.discard(parameters.run_id)
        try:
            yield shared
        finally:
            with _lock:
                del _open[parameters.run_id]
                _over.add(parameters.run_id)


def shared_by(parameters: RunParameters) -> SharedRun:
    """What the tasks with this parameters share in this process; opened for the first, closed as it ends.

    Raises:
        RunIsOverError: The flow has ended, in this process.
        ConfigError: Where this process lacks what the flow's process has: the configuration file, the
            variables of the secrets, or the bucket.
    """
    with _lock:
        if parameters.run_id in _over:
            raise RunIsOverError
        if parameters.run_id not in _open:
            with use_bucket(parameters.bucket):
                prepared = open_run_resources(
                    Settings(), parameters.apis, parameters.config_file, parameters.s3_block
                )
            _open[parameters.run_id] = _at_exit.enter_context(_opened(parameters, prepared, 0))
        return _open[parameters.run_id]


@contextmanager
def _opened(parameters: RunParameters, prepared: RunResources, planned: int) -> Iterator[SharedRun]:
    places = shared_places(prepared.apis)
    with HttpCollector(prepared.apis, prepared.secrets, shared_slot=places) as collector:
        run = ApiCollector(parameters.run_id, collector, prepared.store, prepared.spool)
        yield SharedRun(run, WindowCollector(run, parameters.started_at, ProgressCount(planned)))
