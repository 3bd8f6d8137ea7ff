"""What the tasks of one run share: collecting an API, storing it, and keeping what cannot be stored."""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from flows.collection.api_objects import storable_objects
from flows.collection.api_table import collect_table
from flows.collection.last_object_checks import TableChecks
from flows.documents import DocumentError
from flows.http_collector import CollectionError, HttpCollector
from flows.object_store import (
    KeptObjects,
    ObjectStore,
    Spool,
    StorableObject,
    StorageError,
    StoredObject,
)
from flows.request_plan import PlannedCollection
from flows.run_report import ApiOutcome

logger = logging.getLogger(__name__)

_UNPUBLISHED = "HTTP 404, which is taken for not published yet"


@dataclass(frozen=True)
class CollectedApi:
    """One API collected and tabulated: its outcome so far and the objects to store, if it has rows."""

    outcome: ApiOutcome
    storables: tuple[StorableObject, ...] = field(repr=False)


class ApiCollector:
    """What the tasks of one run share; it remembers what is collected, so that a retry only uploads.

    Args:
        run_id: Written into each object's metadata.
        collector: Asks the APIs.
        store: Takes the objects.
        spool: Keeps what the store does not take.
    """

    def __init__(self, run_id: str, collector: HttpCollector, store: ObjectStore, spool: Spool) -> None:
        self.run_id = run_id
        self.collector = collector
        self.store = store
        self.spool = spool
        self._collected: dict[tuple[str, str], CollectedApi] = {}
        self._checks = TableChecks(store)
        self._kept: set[tuple[str, str]] = set()
        self._stored_while_ending: set[tuple[str, str]] = set()
        self._is_ending = False
        # decoding takes many times a payload's size, so that all threads at once would fill the memory
        self._tabulating = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._started: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    @property
    def is_ending(self) -> bool:
        """Whether the run is being ended from outside."""
        return self._is_ending

    def attempt(self, collection: PlannedCollection, *, may_retry: bool) -> ApiOutcome:
        """Collect and store one API; its failure is an outcome, with its one-line reason.

        Args:
            collection: What to collect.
            may_retry: Whether there will be another attempt, which what may pass by then is raised for.

        Raises:
            StorageError: It could not be stored for now; only where `may_retry`.
            RuntimeError: Something unforeseen went wrong; only where `may_retry`.
            CollectionError: The API is not to be asked for anything else (`ends_api`).
        """
        try:
            return self.collect_and_store(collection)
        except CollectionError as error:
            if error.ends_api:
                raise
            reason = str(error)
        except DocumentError as error:
            reason = str(error)
        except StorageError as error:
            if error.retryable and may_retry:
                raise
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - written to the log below
            reason = self.collector.redact(f"unexpected fault: {type(error).__name__}: {error}")
            # written here, since Prefect would write it with whatever secrets it holds
            trace = self.collector.redact(traceback.format_exc())
            logger.error("%s: unexpected fault\n%s", collection.api.name, trace)  # noqa: TRY400
            if may_retry:
                raise RuntimeError(reason) from None
        return self.failed(collection, reason)

    def collect_and_store(self, collection: PlannedCollection) -> ApiOutcome:
        """Collect one API, or take what an earlier try collected, and store it.

        Raises:
            CollectionError: The API gave no usable reply.
            DocumentError: What it gave is no table.
            StorageError: It could not be stored; what is collected stays for the next try, and in
                the spool, since that try may not come.
        """
        with self._lock:
            self._started.setdefault(collection.identity, time.monotonic())
            collected = self._collected.get(collection.identity)
        if collected is None:
            collected = self._collect(collection)
        outcome = collected.outcome
        if collected.storables:
            first, *others = self._store(collection, collected)
            outcome = replace(
                outcome,
                upload_status="success",
                s3_key=first.key,
                s3_uri=first.uri,
                other_s3_keys=tuple(other.key for other in others),
            )
        with self._lock:
            self._collected.pop(collection.identity, None)
        return replace(outcome, duration_seconds=self._seconds(collection))

    def failed(self, collection: PlannedCollection, reason: str) -> ApiOutcome:
        """The outcome of an API that failed: in its upload where its data had been collected.

        That data is in the spool then, unless the error says why it could not be kept there.
        """
        with self._lock:
            collected = self._collected.pop(collection.identity, None)
        outcome = collected.outcome if collected else self._outcome(collection)
        if collected and collected.storables:
            kept = self._keep(collection.identity, collected)
            reason = f"{reason}; {kept.told}"
            outcome = replace(outcome, spooled_to=str(kept.files[0]) if kept.files else None)
        return replace(
            outcome,
            collection_status="success" if collected else "failed",
            upload_status="failed" if collected else "skipped",
            error=reason,
            duration_seconds=self._seconds(collection),
        )

    def end(self) -> None:
        """Send no further request, and keep in the spool what is collected and not stored yet.

        For a run that is being ended from outside; its tasks may then be left to themselves.
        """
        with self._lock:
            self._is_ending = True
        self.collector.stop()
        with self._lock:
            waiting = list(self._collected.items())
        for identity, collected in waiting:
            self._keep_if_possible(identity, collected)
            with self._lock:
                is_stored = identity in self._stored_while_ending
            if is_stored:
                self._discard(collected)

    def _store(self, collection: PlannedCollection, collected: CollectedApi) -> list[StoredObject]:
        if self._is_ending:
            self._keep_if_possible(collection.identity, collected)
        try:
            stored = [self.store.store(storable) for storable in collected.storables]
        except StorageError:
            self._keep_if_possible(collection.identity, collected)
            raise
        with self._lock:
            # at once, so that a run which is ended meanwhile either sees it stored or has kept it
            was_kept = collection.identity in self._kept
            if self._is_ending:
                self._stored_while_ending.add(collection.identity)
            self._collected.pop(collection.identity, None)
        if was_kept:
            self._discard(collected)
        return stored

    def _discard(self, collected: CollectedApi) -> None:
        for storable in collected.storables:
            self.spool.discard(storable, self.store.bucket, self.store.bucket_folder)

    def _keep(self, identity: tuple[str, str], collected: CollectedApi) -> KeptObjects:
        """Keep the objects of an API in the spool, as many as it takes.

        What of them is in the bucket already is found there again, and not stored twice.
        """
        with self._lock:
            self._kept.add(identity)
        return self.spool.keep_all(collected.storables, self.store.bucket, self.store.bucket_folder)

    def _keep_if_possible(self, identity: tuple[str, str], collected: CollectedApi) -> None:
        kept = self._keep(identity, collected) if collected.storables else None
        if kept and kept.refusal:
            logger.warning("%s: its data is in memory only: %s", identity[0], kept.refusal)

    def _collect(self, collection: PlannedCollection) -> CollectedApi:
        found = collect_table(collection, self.collector, self._tabulating)
        rows, columns = found.table.frame.shape
        with self._tabulating:
            storables = storable_objects(collection, found, self.run_id)
        outcome = replace(
            self._outcome(collection),
            rows=rows,
            columns=columns,
            bytes=sum(len(storable.body) for storable in storables),
            findings=self._shown(
                [_UNPUBLISHED] if found.is_unpublished else [each.message for each in found.table.findings]
            ),
        )
        collected = self._remember(collection, CollectedApi(outcome, storables))
        if storables:
            # after it is remembered, since a bucket that does not answer may take its time here
            checked = self._checks.check(collection, found, storables)
            failures = "; ".join(self._shown(checked.failures))
            error = f"a check of the data failed: {failures}" if failures else None
            outcome = replace(outcome, findings=self._shown(checked.findings), error=error)
            collected = self._remember(collection, CollectedApi(outcome, storables))
        return collected

    def _remember(self, collection: PlannedCollection, collected: CollectedApi) -> CollectedApi:
        with self._lock:
            self._collected[collection.identity] = collected
        return collected

    def _outcome(self, collection: PlannedCollection) -> ApiOutcome:
        return ApiOutcome(
            api_name=collection.api.name,
            output_folder=collection.api.output_folder,
            collection_status="success",
            upload_status="skipped",
            attempts=self.collector.attempts(collection),
        )

    def _shown(self, messages: Iterable[str]) -> tuple[str, ...]:
        # data may hold what the API was asked with
        return tuple(map(self.collector.redact, messages))

    def _seconds(self, collection: PlannedCollection) -> float:
        return time.monotonic() - self._started.get(collection.identity, time.monotonic())
