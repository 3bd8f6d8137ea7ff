"""The body of a flow run: open the resources, drain the spool, map the task, publish, return the state."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.futures import PrefectFuture
from prefect.settings import PREFECT_API_URL

from flows.api_config import ConfigError, Settings, explicit_bucket, libraries_log_warnings_only, logger_level
from flows.collection.api_collector import ApiCollector
from flows.object_store import run_stamp
from flows.orchestration.artifacts import final_state, publish_artifacts
from flows.orchestration.collection_tasks import collect_and_store
from flows.orchestration.prefect_outage import end_unreported, prefect_responds
from flows.orchestration.run_context import RunParameters, open_run_context
from flows.orchestration.run_resources import RunResources, open_run_resources
from flows.orchestration.task_waiting import map_and_wait
from flows.request_plan import PlannedCollection, plan_collections
from flows.run_report import ApiOutcome, RunResults, run_results
from flows.run_report.last_run import keep_results

logger = logging.getLogger(__name__)

Collect = Callable[[RunResources, RunParameters], list[ApiOutcome]]


def run_pipeline(
    apis: Sequence[str] | None, config_file: str | None, s3_block: str | None
) -> State[RunResults]:
    """Collect and store the current data of the chosen APIs; to be called inside a flow run.

    Args:
        apis: Names or folders of the APIs; None for all that are enabled.
        config_file: The configuration; None for that of the settings.
        s3_block: The S3 block to store into; None for that of the settings.
    """
    return run_reported(apis, config_file, s3_block, _collect_current)


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
    """Run a flow's body, and return the state in which the flow run ends.

    1. Open the resources: configuration, secrets, bucket and spool.
    2. Drain the spool of what earlier runs could not upload.
    3. Collect: map a task over the APIs, or over batches of their windows.
    4. Publish the results: for `status`, and as artifacts.
    5. Return the final state.

    Args:
        apis: Names or folders of the APIs; None for all that are enabled.
        config_file: The configuration; None for that of the settings.
        s3_block: The S3 block to store into; None for that of the settings.
        collect: Step 3; returns an outcome for each API, and raises ConfigError for a wrong request.
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
        resources = open_run_resources(settings, apis, config_file, s3_block)
        names = tuple(api.name for api in resources.apis)
        parameters = RunParameters(run_id, started_at, names, config_file, s3_block, explicit_bucket())
        _drain_spool(resources)
        outcomes = collect(resources, parameters)
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


def missing_result(future: PrefectFuture[Any]) -> str:
    """The reason of an outcome where a task returned none."""
    return f"the task ended in state {future.state.name}: {future.state.message}"


def _collect_current(resources: RunResources, parameters: RunParameters) -> list[ApiOutcome]:
    collections = plan_collections(resources.apis, run_stamp(parameters.started_at), parameters.started_at)
    with open_run_context(parameters, resources) as context:
        futures = map_and_wait(collect_and_store, collections, parameters, context.api_collector)
        return [
            _outcome(context.api_collector, collection, future)
            for collection, future in zip(collections, futures, strict=True)
        ]


def _outcome(
    api_collector: ApiCollector, collection: PlannedCollection, future: PrefectFuture[Any]
) -> ApiOutcome:
    result = future.state.result(raise_on_failure=False)
    if isinstance(result, ApiOutcome):
        return result
    return api_collector.failed(collection, missing_result(future))


def _drain_spool(resources: RunResources) -> None:
    """Upload what earlier runs left in the spool; what cannot be uploaded stays there."""
    report = resources.spool.drain(resources.store)
    for uri in report.stored_uris:
        logger.info("uploaded from the spool: %s", uri)
    for uri in report.superseded_uris:
        logger.info("not uploaded from the spool, since what is there was collected later: %s", uri)
    for problem in report.problems:
        logger.warning("still in the spool: %s", problem)


def _publish(results: RunResults) -> None:
    if not prefect_responds():
        logger.warning(
            "the Prefect server at %s does not respond: the run's artifacts were not published",
            PREFECT_API_URL.value(),
        )
        end_unreported(results)
        return
    try:
        publish_artifacts(results)
    except (PrefectException, httpx.HTTPError) as error:
        # the data is stored and the results are returned all the same
        logger.warning("the run's artifacts were not published: %s", error)


def _flow_run() -> FlowRun:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("the pipeline runs inside a Prefect flow run")
    return context.flow_run


def _started_at(flow_run: FlowRun) -> datetime:
    """When the flow run first started, the same for every retry of it."""
    started_at = flow_run.start_time or datetime.now(UTC)
    # Prefect's own datetime class loses its zone in arithmetic
    return datetime.fromtimestamp(started_at.timestamp(), UTC)
