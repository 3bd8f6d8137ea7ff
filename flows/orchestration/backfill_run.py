"""The body of a backfill's flow run: find the missing windows, collect them in batches, show the progress."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import date
from itertools import zip_longest
from typing import Any

from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture

from flows.api_config import ApiConfig, ConfigError, Problem
from flows.collection.missing_dates import DatesToCollect, dates_to_collect
from flows.object_store import StorageError
from flows.orchestration.collection_tasks import collect_and_store_windows
from flows.orchestration.pipeline_run import missing_result, run_reported
from flows.orchestration.progress_artifact import ProgressArtifact
from flows.orchestration.run_context import RunContext, RunParameters, open_run_context
from flows.orchestration.run_resources import RunResources
from flows.orchestration.task_runners import has_remote_tasks
from flows.orchestration.task_waiting import map_and_wait
from flows.request_plan import WindowBatch, askable_apis, batches_of
from flows.run_report import ApiOutcome, RunResults
from flows.run_report.backfill_results import WindowOutcome, api_outcome
from flows.run_report.date_counts import joined_windows
from flows.run_report.progress import show_progress

logger = logging.getLogger(__name__)


def run_backfill(
    start_date: date,
    end_date: date,
    apis: Sequence[str] | None,
    config_file: str | None,
    s3_block: str | None,
    *,
    force: bool,
) -> State[RunResults]:
    """Collect and store past windows of the chosen APIs; to be called inside a flow run.

    Args:
        start_date: The first day, by the calendar of each API's zone.
        end_date: The last day, inclusive.
        apis: Names or folders of the APIs; None for all that are enabled and can be asked for dates.
        config_file: The configuration; None for that of the settings.
        s3_block: The S3 block to store into; None for that of the settings.
        force: Whether to collect windows again that are stored.
    """

    def collect(resources: RunResources, parameters: RunParameters) -> list[ApiOutcome]:
        chosen, left_out = askable_apis(
            resources.apis, start_date, end_date, parameters.started_at, is_by_name=apis is not None
        )
        for line in left_out:
            logger.warning("%s", line)
        try:
            to_collect = _plan(chosen, start_date, end_date, resources, parameters, force=force)
        except StorageError as error:
            # a wrong setting refuses the run; an error that may pass fails its APIs
            if not error.retryable:
                raise ConfigError([Problem("S3 bucket", "", str(error))]) from None
            return [_unplanned(api, error) for api in chosen]
        return _collect(to_collect, resources, parameters)

    return run_reported(apis, config_file, s3_block, collect)


def _plan(
    apis: Sequence[ApiConfig],
    first: date,
    last: date,
    resources: RunResources,
    parameters: RunParameters,
    *,
    force: bool,
) -> list[DatesToCollect]:
    planned = []
    for api in apis:
        # without a listing every window would be collected, and could then not be stored
        found = dates_to_collect(api, first, last, parameters.started_at, resources.store, force=force)
        unit = api.dates.unit if api.dates else "day"
        logger.info(
            "%s: %d of %d %ss are to be collected, in %d requests or more",
            api.name,
            found.missing,
            found.planned,
            unit,
            len(found.windows),
        )
        planned.append(found)
    return planned


def _unplanned(api: ApiConfig, error: StorageError) -> ApiOutcome:
    reason = f"no dates were collected, since what is stored could not be asked: {error}"
    return ApiOutcome(
        api.name, api.output_folder, "failed", "skipped", error=reason, windows=joined_windows(())
    )


def _collect(
    to_collect: Sequence[DatesToCollect], resources: RunResources, parameters: RunParameters
) -> list[ApiOutcome]:
    begun = time.monotonic()
    # in turns, so that a slow API does not keep the others waiting
    turns = zip_longest(*(batches_of(found.api, found.windows) for found in to_collect))
    batches = [batch for turn in turns for batch in turn if batch]
    missing = sum(found.missing for found in to_collect)
    windows: dict[str, list[WindowOutcome]] = {found.api.name: [] for found in to_collect}
    with open_run_context(parameters, resources, missing) as context, ProgressArtifact() as artifact:
        counted = 0

        def show(completed: Sequence[tuple[WindowBatch, PrefectFuture[Any]]] = ()) -> None:
            nonlocal counted
            if has_remote_tasks():
                # the processes of the tasks have counts of their own
                for batch, future in completed[counted:]:
                    future.wait()
                    _count(context, _outcomes(context, batch, future))
                counted = len(completed)
            progress = context.window_collector.progress.now()
            show_progress(progress)
            artifact.show(progress)

        if batches:
            futures = map_and_wait(
                collect_and_store_windows, batches, parameters, context.api_collector, show
            )
            for batch, future in zip(batches, futures, strict=True):
                windows[batch.api.name] += _outcomes(context, batch, future)
    seconds = time.monotonic() - begun
    return [
        api_outcome(found.api, windows[found.api.name], found.already_stored, seconds) for found in to_collect
    ]


def _outcomes(context: RunContext, batch: WindowBatch, future: PrefectFuture[Any]) -> list[WindowOutcome]:
    result = future.state.result(raise_on_failure=False)
    if isinstance(result, list):
        return result
    return context.window_collector.failed(batch, missing_result(future))


def _count(context: RunContext, outcomes: Sequence[WindowOutcome]) -> None:
    for window in outcomes:
        outcome = window.outcome
        context.window_collector.progress.add(
            window.units, rows=outcome.rows, size=outcome.bytes, is_failed=outcome.error is not None
        )
