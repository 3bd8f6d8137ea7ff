"""The tasks of a run: one API, or a batch of its windows, collected and stored."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.states import Failed
from prefect.tasks import Task

from flows.http_collector import CollectionError
from flows.orchestration.run_context import RunEndedError, RunParameters, run_context
from flows.request_plan import PlannedCollection, WindowBatch
from flows.run_report import ApiOutcome
from flows.run_report.backfill_results import WindowOutcome

TASK_RETRIES = 2
_NOT_ASKED_FOR = "not asked for: the run was ended"


def _raised_for_retry(_task: Task[..., object], _task_run: TaskRun, state: State[object]) -> bool:
    # a failed state that the task returns is final; an exception that it raises is retried
    return isinstance(state.data, Exception)


def _may_retry() -> bool:
    context = TaskRunContext.get()
    return context is not None and context.task_run.run_count <= TASK_RETRIES


@task(
    name="collect-and-store",
    task_run_name="{collection.api.name}",
    # one more than is used: Prefect logs a traceback when the last retry fails
    retries=TASK_RETRIES + 1,
    retry_delay_seconds=[2, 5],
    retry_jitter_factor=0.5,
    retry_condition_fn=_raised_for_retry,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def collect_and_store(
    collection: PlannedCollection, parameters: RunParameters
) -> ApiOutcome | State[ApiOutcome]:
    """Collect one API and store it; a failure becomes a failed task run with a one-line reason.

    The HTTP collector retries requests. The task's own retries are for failed uploads, which are repeated
    without asking the API again, and for unexpected errors; they never send an API more than its
    `max_attempts` requests.
    """
    try:
        api_collector = run_context(parameters).api_collector
    except RunEndedError:
        return Failed(message=_NOT_ASKED_FOR)
    try:
        outcome = api_collector.attempt(collection, may_retry=_may_retry())
    except CollectionError as error:
        outcome = api_collector.failed(collection, str(error))
    # an API whose check failed is stored all the same
    return Failed(message=outcome.error, data=outcome) if outcome.error else outcome


@task(
    name="collect-and-store-windows",
    task_run_name="{batch.label}",
    retries=TASK_RETRIES + 1,
    retry_delay_seconds=[2, 5],
    retry_jitter_factor=0.5,
    retry_condition_fn=_raised_for_retry,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def collect_and_store_windows(
    batch: WindowBatch, parameters: RunParameters
) -> list[WindowOutcome] | State[list[WindowOutcome]]:
    """Collect and store a batch of windows of one API; where some fail, the task run fails and says which.

    A retry, after a failed upload or an unexpected error, goes on after the windows that are done.
    """
    try:
        window_collector = run_context(parameters).window_collector
    except RunEndedError:
        return Failed(message=_NOT_ASKED_FOR)
    outcomes = window_collector.attempt(batch, may_retry=_may_retry())
    failed = [window for window in outcomes if window.outcome.error]
    if not failed:
        return outcomes
    first = failed[0]
    message = f"{len(failed)} of {len(outcomes)} failed, the first {first.stamp}: {first.outcome.error}"
    return Failed(message=message, data=outcomes)
