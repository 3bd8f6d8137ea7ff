"""The task that collects and stores one API, and what the tasks of one run share."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from importlib.metadata import version

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.states import Failed
from prefect.tasks import Task

from flows.http_collector import CollectionError, HttpCollector
from flows.object_store import (
    CSV_CONTENT_TYPE,
    ObjectStore,
    StorableObject,
    StorageError,
    csv_bytes,
    object_key,
    object_metadata,
)
from flows.request_plan import CollectionRequest
from flows.run_report import ApiOutcome
from flows.tabulation import TabulationError, tabulate_json

logger = logging.getLogger(__name__)

TASK_RETRIES = 2


@dataclass(frozen=True)
class CollectedApi:
    """One API collected and tabulated: its outcome so far and the object to store, if it has rows."""

    outcome: ApiOutcome
    storable: StorableObject | None = field(repr=False)


class PipelineRun:
    """What the tasks of one run share; it remembers what is collected, so that a retry only uploads.

    Args:
        run_id: Written into each object's metadata.
        collector: Asks the APIs.
        store: Takes the objects.
    """

    def __init__(self, run_id: str, collector: HttpCollector, store: ObjectStore) -> None:
        self.run_id = run_id
        self.collector = collector
        self.store = store
        self._collected: dict[tuple[str, str], CollectedApi] = {}
        self._started: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def collect_and_store(self, request: CollectionRequest) -> ApiOutcome:
        """Collect one API, or take what an earlier try collected, and store it.

        Raises:
            CollectionError: The API gave no usable reply.
            TabulationError: What it gave is no table.
            StorageError: It could not be stored; what is collected stays for the next try.
        """
        with self._lock:
            self._started.setdefault(request.identity, time.monotonic())
            collected = self._collected.get(request.identity)
        if collected is None:
            collected = self._collect(request)
            with self._lock:
                self._collected[request.identity] = collected
        if collected.storable is None:
            outcome = collected.outcome
        else:
            stored = self.store.store(collected.storable)
            outcome = replace(
                collected.outcome, upload_status="success", s3_key=stored.key, s3_uri=stored.uri
            )
        with self._lock:
            del self._collected[request.identity]
        return replace(outcome, duration_seconds=self._seconds(request))

    def failed(self, request: CollectionRequest, reason: str) -> ApiOutcome:
        """The outcome of an API that failed: in its upload where its data had been collected."""
        with self._lock:
            collected = self._collected.pop(request.identity, None)
        outcome = collected.outcome if collected else self._outcome(request)
        return replace(
            outcome,
            collection_status="success" if collected else "failed",
            upload_status="failed" if collected else "skipped",
            error=reason,
            duration_seconds=self._seconds(request),
        )

    def _collect(self, request: CollectionRequest) -> CollectedApi:
        api = request.api
        payload = self.collector.collect(request)
        try:
            table = tabulate_json(payload.body, records=api.records, explode=api.explode)
        except TabulationError as error:
            raise TabulationError(
                f"{payload.source_url} answered something else than a table: {error}"
            ) from error
        rows, columns = table.frame.shape
        outcome = replace(
            self._outcome(request),
            rows=rows,
            columns=columns,
            findings=tuple(finding.message for finding in table.findings),
        )
        if not rows:
            return CollectedApi(outcome, None)
        body = csv_bytes(table.frame)
        metadata = object_metadata(
            api_name=api.name,
            source_url=payload.source_url,
            collected_at=payload.collected_at,
            rows=rows,
            columns=columns,
            body=body,
            run_id=self.run_id,
            pipeline_version=version("energy-pipeline"),
        )
        key = object_key(api.output_folder, api.csv_prefix, request.stamp)
        return CollectedApi(
            replace(outcome, bytes=len(body)), StorableObject(key, body, CSV_CONTENT_TYPE, metadata)
        )

    def _outcome(self, request: CollectionRequest) -> ApiOutcome:
        return ApiOutcome(
            api_name=request.api.name,
            output_folder=request.api.output_folder,
            collection_status="success",
            upload_status="skipped",
            attempts=self.collector.attempts(request),
        )

    def _seconds(self, request: CollectionRequest) -> float:
        return time.monotonic() - self._started.get(request.identity, time.monotonic())


def _raised_for_retry(_task: Task[..., object], _task_run: TaskRun, state: State[object]) -> bool:
    # a failed state that the task returns is final; only what it raises is worth another try
    return isinstance(state.data, Exception)


@task(
    name="collect-and-store",
    task_run_name="{request.api.name}",
    # one more than is ever used: Prefect logs a traceback when the last one is spent
    retries=TASK_RETRIES + 1,
    retry_delay_seconds=[2, 10],
    retry_jitter_factor=0.5,
    retry_condition_fn=_raised_for_retry,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def collect_and_store(request: CollectionRequest, run: PipelineRun) -> ApiOutcome | State[ApiOutcome]:
    """Collect one API and store it; a failure becomes a failed task run with its one-line reason.

    The collector retries what a service may mend; this task's own retries are for failed
    uploads and unexpected faults, and never send an API more than its `max_attempts` requests.
    """
    context = TaskRunContext.get()
    may_retry = context is not None and context.task_run.run_count <= TASK_RETRIES
    try:
        return run.collect_and_store(request)
    except (CollectionError, TabulationError) as error:
        reason = str(error)
    except StorageError as error:
        if error.retryable and may_retry:
            raise
        reason = str(error)
    except Exception as error:
        if may_retry:
            raise
        logger.exception("%s: unexpected fault", request.api.name)
        reason = f"unexpected fault: {type(error).__name__}: {error}"
    return Failed(message=reason, data=run.failed(request, reason))
