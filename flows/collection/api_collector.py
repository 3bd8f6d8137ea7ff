"""One API from its requests to its stored objects: collect, tabulate, spool, check, upload."""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from flows.collection.api_objects import storable_objects
from flows.collection.api_table import CollectedTable, collect_table
from flows.collection.last_object_checks import TableChecks
from flows.collection.last_objects import LastObjects, Lookup
from flows.documents import MAX_MESSAGE, DocumentError, shortened
from flows.http_collector import CollectionError, HttpCollector
from flows.object_store import KeptObjects, ObjectStore, Spool, StorableObject, StorageError
from flows.request_plan import PlannedCollection
from flows.run_report import ApiOutcome

logger = logging.getLogger(__name__)

_UNPUBLISHED = "HTTP 404, which is taken for not published yet"
_NOT_KEPT = KeptObjects((), "the data is lost", None)


@dataclass
class _Unstored:
    """An API that is collected and whose objects are not all stored yet.

    Attributes:
        outcome: Its outcome so far.
        objects: Its objects, one for each output.
        rejection: Why they are stored as rejected objects; None where they are stored as data.
        kept: The same objects in the spool.
    """

    outcome: ApiOutcome
    objects: tuple[StorableObject, ...]
    rejection: str | None = None
    kept: KeptObjects = _NOT_KEPT


class ApiCollector:
    """Collects and stores the APIs of one run, for several threads.

    Args:
        run_id: Written into the metadata of each object.
        collector: Sends the requests.
        store: The bucket.
        spool: The folder that keeps each object until it is stored.
    """

    def __init__(self, run_id: str, collector: HttpCollector, store: ObjectStore, spool: Spool) -> None:
        self.run_id = run_id
        self.collector = collector
        self.store = store
        self.spool = spool
        self.is_stopped = False
        self._unstored: dict[tuple[str, str], _Unstored] = {}
        self._last_objects = LastObjects(store)
        self._checks = TableChecks(self._last_objects)
        # decoding takes many times the memory of a response
        self._tabulating = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._started: dict[tuple[str, str], float] = {}
        self._has_warned = False
        self._lock = threading.Lock()

    def attempt(self, collection: PlannedCollection, *, may_retry: bool) -> ApiOutcome:
        """Collect and store one API; a failure becomes an outcome with a one-line reason.

        Args:
            collection: What to collect.
            may_retry: Whether another attempt follows; errors that it may overcome are raised then.

        Raises:
            StorageError: The upload failed and may succeed later; only where `may_retry`.
            RuntimeError: An unexpected error occurred; only where `may_retry`.
            CollectionError: The API must not be asked for anything else (`ends_api`).
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
            # logged here, since Prefect would log the traceback without redacting it
            trace = self.collector.redact(traceback.format_exc())
            logger.error("%s: unexpected fault\n%s", collection.api.name, trace)  # noqa: TRY400
            if may_retry:
                raise RuntimeError(reason) from None
        return self.failed(collection, reason)

    def collect_and_store(self, collection: PlannedCollection) -> ApiOutcome:
        """Collect one API and store it; after a failed upload, store what was collected before.

        Raises:
            CollectionError: The API gave no usable response.
            DocumentError: A response could not be tabulated.
            StorageError: An object could not be stored; all of them stay in the spool.
        """
        with self._lock:
            self._started.setdefault(collection.identity, time.monotonic())
            unstored = self._unstored.get(collection.identity)
        if unstored is None:
            lookup = self._last_objects.look_up(collection)
            earlier_columns = partial(self._last_objects.earlier_columns, collection, lookup)
            table = collect_table(collection, self.collector, self._tabulating, earlier_columns)
            with self._tabulating:
                objects = storable_objects(collection, table, self.run_id)
            outcome = self._collected_outcome(collection, table, objects)
            if not objects:
                return replace(outcome, duration_seconds=self._seconds(collection))
            if collection.window or table.rejection or table.in_window.refusal:
                # the spool uploads what it holds under its name, so that the checks come first
                unstored = self._checked(collection, table, outcome, objects, lookup)
                self._keep(collection, unstored)
            else:
                # the bucket, which the checks ask, may be slow: the objects are in the spool by then
                unstored = _Unstored(outcome, objects)
                self._keep(collection, unstored)
                unstored.outcome = self._checked(collection, table, outcome, objects, lookup).outcome
        first, *others = [self.store.store(each) for each in unstored.objects]
        unstored.kept.discard()
        with self._lock:
            self._unstored.pop(collection.identity, None)
        if unstored.rejection:
            return replace(
                unstored.outcome,
                error=f"{unstored.rejection}; not stored as data, kept as {first.uri}",
                duration_seconds=self._seconds(collection),
            )
        return replace(
            unstored.outcome,
            upload_status="success",
            s3_key=first.key,
            s3_uri=first.uri,
            other_s3_keys=tuple(other.key for other in others),
            duration_seconds=self._seconds(collection),
        )

    def failed(self, collection: PlannedCollection, reason: str) -> ApiOutcome:
        """The outcome of an API that failed: in its upload, where it had been collected.

        Its objects are left in the spool to the next run or `drain`; the error says where they are, or why
        the spool has not taken them.
        """
        with self._lock:
            unstored = self._unstored.pop(collection.identity, None)
        if unstored:
            unstored.kept.release()
            rejection = f"{unstored.rejection}; " if unstored.rejection else ""
            reason = f"{rejection}{reason}; {unstored.kept.message}"
        files = unstored.kept.files if unstored else ()
        is_collected = unstored is not None and unstored.rejection is None
        return replace(
            unstored.outcome if unstored else self._outcome(collection),
            collection_status="success" if is_collected else "failed",
            upload_status="failed" if is_collected else "skipped",
            spooled_to=str(files[0]) if files else None,
            error=reason,
            duration_seconds=self._seconds(collection),
        )

    def stop(self) -> None:
        """Send no further request, since the run is being ended; uploads under way go on."""
        self.is_stopped = True
        self.collector.stop()

    def close(self) -> None:
        """Leave what is not stored to the next run or `drain`."""
        self._last_objects.close()
        with self._lock:
            unstored = list(self._unstored.values())
            self._unstored.clear()
        for each in unstored:
            each.kept.release()

    def _keep(self, collection: PlannedCollection, unstored: _Unstored) -> None:
        """Write the objects to the spool, and remember them for a retry of the upload."""
        unstored.kept = self.spool.keep_all(unstored.objects, self.store.bucket, self.store.bucket_folder)
        with self._lock:
            self._unstored[collection.identity] = unstored
            is_first_refusal = unstored.kept.refusal is not None and not self._has_warned
            self._has_warned |= is_first_refusal
        if is_first_refusal:
            consequence = "objects are uploaded without a copy there, and lost if the upload fails"
            logger.warning("%s: %s", unstored.kept.refusal, consequence)

    def _checked(
        self,
        collection: PlannedCollection,
        table: CollectedTable,
        outcome: ApiOutcome,
        objects: tuple[StorableObject, ...],
        lookup: Lookup | None,
    ) -> _Unstored:
        """Check a table; one that must not be stored as data becomes rejected objects."""
        checked = self._checks.check(collection, table, objects, lookup)
        findings = self._redacted(checked.findings)
        failure = f"a check of the data failed: {'; '.join(checked.failures)}" if checked.failures else None
        reason = table.rejection or table.in_window.refusal
        if collection.window:
            reason = reason or "; ".join(checked.refusals) or failure
        if not reason:
            error = self.collector.redact(failure) if failure else None
            return _Unstored(replace(outcome, findings=findings, error=error), objects)
        rejection = self.collector.redact(reason)
        failed = replace(self._outcome(collection), collection_status="failed", findings=findings)
        return _Unstored(failed, tuple(each.rejected(rejection) for each in objects), rejection)

    def _collected_outcome(
        self, collection: PlannedCollection, table: CollectedTable, objects: tuple[StorableObject, ...]
    ) -> ApiOutcome:
        rows, columns = table.table.frame.shape
        findings = [_UNPUBLISHED] if table.is_unpublished else [each.message for each in table.table.findings]
        return replace(
            self._outcome(collection),
            rows=rows,
            columns=columns,
            bytes=sum(len(each.body) for each in objects),
            findings=self._redacted(findings),
            without_rows=table.in_window.without_rows,
            units_without_rows=table.in_window.units_without_rows,
        )

    def _outcome(self, collection: PlannedCollection) -> ApiOutcome:
        api, attempts = collection.api, self.collector.attempts(collection)
        return ApiOutcome(api.name, api.output_folder, "success", "skipped", attempts=attempts)

    def _redacted(self, messages: Iterable[str]) -> tuple[str, ...]:
        # a response may repeat the credentials of its request; cut once they are redacted
        return tuple(shortened(self.collector.redact(message), MAX_MESSAGE) for message in messages)

    def _seconds(self, collection: PlannedCollection) -> float:
        return time.monotonic() - self._started.get(collection.identity, time.monotonic())
