"""The collectors that the tasks of a run share, in the process of the flow and in those of a cluster."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
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
    """Serializable parameters from which a task in any process opens the run's context. They hold no secrets.

    Attributes:
        run_id: The id of the flow run.
        started_at: When the flow run first started.
        apis: The names of the APIs to collect.
        config_file: The configuration; None for that of the settings.
        s3_block: The S3 block to store into; None for that of the settings.
        bucket: The bucket that was given by name, if any.
    """

    run_id: str
    started_at: datetime
    apis: tuple[str, ...] = field(repr=False)
    config_file: str | None = None
    s3_block: str | None = None
    bucket: ExplicitBucket | None = None


@dataclass(frozen=True)
class RunContext:
    """The collectors that the tasks of a run share within one process."""

    api_collector: ApiCollector
    window_collector: WindowCollector


class RunEndedError(Exception):
    """A task started after its run had ended."""


_contexts: dict[str, RunContext] = {}
_ended_runs: set[str] = set()
_lock = threading.Lock()
_at_exit = ExitStack()
atexit.register(_at_exit.close)


@contextmanager
def open_run_context(
    parameters: RunParameters, resources: RunResources, planned: int = 0
) -> Iterator[RunContext]:
    """Open the run's context for its tasks in this process, and close it when the flow is done.

    Args:
        parameters: Those that the tasks receive.
        resources: The configuration, secrets, bucket and spool.
        planned: How many units a backfill collects.
    """
    with _new_context(parameters, resources, planned) as context:
        with _lock:
            _contexts[parameters.run_id] = context
            _ended_runs.discard(parameters.run_id)
        try:
            yield context
        finally:
            with _lock:
                del _contexts[parameters.run_id]
                _ended_runs.add(parameters.run_id)


def run_context(parameters: RunParameters) -> RunContext:
    """The run's context in this process; in a process of a task runner's cluster, the first task opens it.

    Raises:
        RunEndedError: The flow has ended, in this process.
        ConfigError: This process lacks what the flow's process has: the configuration file, the
            variables of the secrets, or the bucket.
    """
    with _lock:
        if parameters.run_id in _ended_runs:
            raise RunEndedError
        if parameters.run_id not in _contexts:
            with use_bucket(parameters.bucket):
                resources = open_run_resources(
                    Settings(), parameters.apis, parameters.config_file, parameters.s3_block
                )
            _contexts[parameters.run_id] = _at_exit.enter_context(_new_context(parameters, resources, 0))
        return _contexts[parameters.run_id]


@contextmanager
def _new_context(parameters: RunParameters, resources: RunResources, planned: int) -> Iterator[RunContext]:
    places = shared_places(resources.apis)
    with (
        HttpCollector(resources.apis, resources.secrets, shared_slot=places) as http_collector,
        closing(
            ApiCollector(parameters.run_id, http_collector, resources.store, resources.spool)
        ) as api_collector,
    ):
        progress = ProgressCount(planned)
        yield RunContext(api_collector, WindowCollector(api_collector, parameters.started_at, progress))
