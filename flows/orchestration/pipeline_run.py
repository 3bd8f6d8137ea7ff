"""One run of the pipeline inside a flow run: prepare, map the task over the APIs, report."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from prefect import unmapped
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException, TerminationSignal
from prefect.futures import PrefectFuture, wait
from prefect.tasks import Task

from flows.api_config import ConfigError, Settings, explicit_bucket, libraries_log_warnings_only, logger_level
from flows.collection.api_collector import ApiCollector
from flows.object_store import run_stamp
from flows.orchestration.artifacts import final_state, publish_artifacts
from flows.orchestration.collection_tasks import collect_and_store
from flows.orchestration.run_context import RunParameters, sharing
from flows.orchestration.run_resources import RunResources, open_run_resources
from flows.orchestration.task_runners import quoted, reaching_the_scheduler
from flows.orchestration.task_waiting import CompletedTasks
from flows.process.interrupts import end_in_time, postponing_interrupts
from flows.request_plan import PlannedCollection, plan_collections
from flows.run_report import ApiOutcome, RunResults, run_results
from flows.run_report.last_run import keep_results

logger = logging.getLogger(__name__)

_ENDING_SECONDS = 4
# what is shown of a run's progress is this old at the most
_LOOK_SECONDS = 0.5
# a run may be ended between these and the next
_SUBMITTED_AT_ONCE = 16

Item = TypeVar("Item")
Collect = Callable[[RunResources, RunParameters], list[ApiOutcome]]


def run_pipeline(
    apis: Sequence[str] | None, config_file: str | None, s3_block: str | None
) -> State[RunResults]:
    """Collect and store the chosen APIs, publish the report, and say how the flow run ends.

    To be called inside a flow run.
    """
    return run_reported(apis, config_file, s3_block, _collect_and_store_all)


@contextmanager
def _log_as_prefect_does() -> Iterator[None]:
    """Within this context, our loggers have the level of Prefect's where the caller has set none."""
    level = logging.getLogger("prefect.extra").getEffectiveLevel()
    with logger_level("flows", level, only_where_unset=True):
        yield


@libraries_log_warnings_only()
@_log_as_prefect_does()
def run_reported(
    apis: Sequence[str] | None, config_file: str | None, s3_block: str | None, collect: Collect
) -> State[RunResults]:
    """Prepare a run, let it be done, publish its report, and say how the flow run ends.

    Args:
        apis: Names or folders of the APIs; None for all that are enabled.
        config_file: The configuration, where it is not that of the settings.
        s3_block: The block to store into, where it is not that of the settings.
        collect: Does it, and gives an outcome for each API; raises ConfigError for what it is not asked
            for rightly.
    """
    begun = time.monotonic()
    flow_run = _flow_run()
    run_id, started_at = str(flow_run.id), _started_at(flow_run)
    settings: Settings | None = None
    outcomes: list[ApiOutcome] = []
    errors: list[object] = []

    def results_now() -> RunResults:
        seconds = time.monotonic() - begun
        return run_results(
            outcomes, run_id=run_id, started_at=started_at, duration_seconds=seconds, errors=errors
        )

    try:
        settings = Settings()
        prepared = open_run_resources(settings, apis, config_file, s3_block)
        names = tuple(api.name for api in prepared.apis)
        parameters = RunParameters(run_id, started_at, names, config_file, s3_block, explicit_bucket())
        _drain_spool(prepared)
        outcomes = collect(prepared, parameters)
    except ConfigError as error:
        errors += error.problems
    except BaseException:
        if settings:
            errors.append("the run did not come to its end")
            keep_results(settings.state_dir, results_now())
        raise
    results = results_now()
    if settings:
        keep_results(settings.state_dir, results)
    _publish(results)
    return final_state(results)


def run_tasks(
    task: Task[..., Any],
    items: Sequence[Item],
    parameters: RunParameters,
    run: ApiCollector,
    look: Callable[[Sequence[tuple[Item, PrefectFuture[Any]]]], object] = lambda _: None,
) -> list[PrefectFuture[Any]]:
    """Map a task over items and wait for all; where the run is ended from outside, keep what is collected.

    Args:
        task: It is handed an item and the parameters.
        items: What to run it for.
        parameters: Of the run.
        run: What the tasks share.
        look: Called now and then meanwhile, and at the end, with the items whose tasks have ended.

    Returns:
        The futures of the tasks, in the order of the items.
    """
    futures: list[PrefectFuture[Any]] = []
    try:
        for first in range(0, len(items), _SUBMITTED_AT_ONCE):
            some = items[first : first + _SUBMITTED_AT_ONCE]
            with reaching_the_scheduler(), postponing_interrupts():
                futures += task.map(quoted(some), unmapped(quoted(parameters)))
        item_of = {future.task_run_id: item for item, future in zip(items, futures, strict=True)}
        endings = CompletedTasks(futures)
        is_over = False
        while not is_over:
            is_over = endings.wait(_LOOK_SECONDS)
            look([(item_of[future.task_run_id], future) for future in endings.ended])
        # which takes over the final states
        wait(futures)
    except BaseException as cause:
        if isinstance(cause, TerminationSignal):
            end_in_time()
        # ended from outside: what is collected may be stored if that is soon done, and is kept if not;
        # a second Ctrl-C, which `uv run` passes on beside the terminal's own, must not prevent it
        with postponing_interrupts():
            run.end()
            CompletedTasks(futures).wait(_ENDING_SECONDS)
            run.end()
        raise
    return futures


def _collect_and_store_all(prepared: RunResources, parameters: RunParameters) -> list[ApiOutcome]:
    collections = plan_collections(prepared.apis, run_stamp(parameters.started_at), parameters.started_at)
    with sharing(parameters, prepared) as shared:
        futures = run_tasks(collect_and_store, collections, parameters, shared.run)
        return [
            _outcome(shared.run, collection, future)
            for collection, future in zip(collections, futures, strict=True)
        ]


def _drain_spool(prepared: RunResources) -> None:
    """Upload what earlier runs had to keep; what cannot be uploaded still waits on."""
    report = prepared.spool.drain(prepared.store)
    for uri in report.stored_uris:
        logger.info("uploaded from the spool: %s", uri)
    for uri in report.superseded_uris:
        logger.info("not uploaded from the spool, since what is there was collected later: %s", uri)
    for problem in report.problems:
        logger.warning("still in the spool: %s", problem)


def _outcome(run: ApiCollector, collection: PlannedCollection, future: PrefectFuture[Any]) -> ApiOutcome:
    result = future.state.result(raise_on_failure=False)
    if isinstance(result, ApiOutcome):
        return result
    return run.failed(collection, ended_otherwise(future))


def ended_otherwise(future: PrefectFuture[Any]) -> str:
    """What to say of a task that gave no outcome."""
    return f"the task ended in state {future.state.name}: {future.state.message}"


def _flow_run() -> FlowRun:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("the pipeline runs inside a Prefect flow run")
    return context.flow_run


def _started_at(flow_run: FlowRun) -> datetime:
    """When the flow run first started, the same for every retry of it."""
    started_at = flow_run.start_time or datetime.now(UTC)
    # Prefect's own kind of datetime loses its zone in arithmetic
    return datetime.fromtimestamp(started_at.timestamp(), UTC)


def _publish(results: RunResults) -> None:
    try:
        publish_artifacts(results)
    except PrefectException as error:
        # the data is stored and the results are returned all the same
        logger.warning("the run's artifacts were not published: %s", error)
