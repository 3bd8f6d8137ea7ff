"""The tasks of a run: one API, or a batch of its windows, collected and stored."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.states import Failed
from prefect.tasks import Task

from flows.http_collector import CollectionError
from flows.orchestration.run_context import RunIsOverError, RunParameters, shared_by
from flows.request_plan import PlannedCollection, WindowBatch
from flows.run_report import ApiOutcome
from flows.run_report.backfill_results import WindowOutcome

TASK_RETRIES = 2
_NOT_ASKED_FOR = "not asked for: the run was ended"


def _raised_for_retry(_task: Task[..., object], _task_run: TaskRun, state: State[object]) -> bool:
    # a failed state that the task returns is final; only what it raises is worth another try
    return isinstance(state.data, Exception)


def _may_retry() -> bool:
    context = TaskRunContext.get()
    return context is not None and context.task_run.run_count <= TASK_RETRIES


@task(
    name="collect-and-store",
    task_run_name="{collection.api.name}",
    # one more than is ever used: Prefect logs a traceback when the last one is spent
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
    """Collect one API and store it; a failure becomes a failed task run with its one-line reason.

    The collector retries what a service may mend; this task's own retries are for failed
    uploads and unexpected faults, and never send an API more than its `max_attempts` requests.
    """
    try:
        run = shared_by(parameters).run
    except RunIsOverError:
        return Failed(message=_NOT_ASKED_FOR)
    try:
        outcome = run.attempt(collection, may_retry=_may_retry())
    except CollectionError as error:
        outcome = run.failed(collection, str(error))
    # where a check failed, it is stored all the same
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

    A retry, which a failed upload or an unexpected fault leads to, goes on where the batch was.
    """
    try:
        windows = shared_by(parameters).windows
    except RunIsOverError:
        return Failed(message=_NOT_ASKED_FOR)
    outcomes = windows.attempt(batch, may_retry=_may_retry())
    failed = [window for window in outcomes if window.outcome.error]
    if not failed:
        return outcomes
    first = failed[0]
    message = f"{len(failed)} of {len(outcomes)} failed, the first {first.stamp}: {first.outcome.error}"
    return Failed(message=message, data=outcomes)
