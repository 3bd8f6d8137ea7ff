"""The windows of one API, collected and stored one after the other."""

from __future__ import annotations

import threading
from datetime import datetime

from flows.collection.api_collector import ApiCollector
from flows.http_collector import CollectionError
from flows.request_plan import PlannedCollection, WindowBatch, plan_window
from flows.run_report import ApiOutcome
from flows.run_report.backfill_results import WindowOutcome
from flows.run_report.progress import ProgressCount

# each holds its response and its table in memory; more than three are no faster on two cores
_WINDOWS_AT_ONCE = 3


class WindowCollector:
    """Collects and stores the batches of windows of one backfill, for several threads.

    It remembers the windows that are done, so that a retry of a batch goes on after them.

    Args:
        api_collector: Collects and stores each window.
        now: When the backfill started.
        progress: Counts the windows that are done.
    """

    def __init__(self, api_collector: ApiCollector, now: datetime, progress: ProgressCount) -> None:
        self.progress = progress
        self._api_collector = api_collector
        self._now = now
        self._done: dict[tuple[str, int], list[WindowOutcome]] = {}
        self._given_up: dict[str, str] = {}
        self._slots: dict[str, threading.BoundedSemaphore] = {}
        self._lock = threading.Lock()

    def attempt(self, batch: WindowBatch, *, may_retry: bool) -> list[WindowOutcome]:
        """Collect and store the windows of a batch; the failure of one does not stop the others.

        An API that refuses the credentials, whose host does not respond, or whose data can neither be
        stored nor kept, is not asked for its other windows.

        Args:
            batch: What to collect.
            may_retry: Whether another attempt follows; errors that it may overcome are raised then.

        Raises:
            StorageError: The upload of a window failed and may succeed later; only where `may_retry`.
            RuntimeError: An unexpected error occurred; only where `may_retry`.
        """
        with self._lock:
            done = self._done.setdefault((batch.api.name, batch.number), [])
        for window in batch.windows[len(done) :]:
            collection = plan_window(batch.api, window, self._now, batch.series)
            outcome, is_tried = self._attempt(collection, may_retry=may_retry)
            done.append(WindowOutcome(collection.stamp, window.units, outcome, is_tried))
            failed = outcome.error is not None
            self.progress.add(window.units, rows=outcome.rows, size=outcome.bytes, is_failed=failed)
        return done

    def failed(self, batch: WindowBatch, reason: str) -> list[WindowOutcome]:
        """The outcomes of a batch whose task returned none: the windows that are not done have failed."""
        with self._lock:
            done = list(self._done.get((batch.api.name, batch.number), ()))
        for window in batch.windows[len(done) :]:
            collection = plan_window(batch.api, window, self._now, batch.series)
            outcome = self._api_collector.failed(collection, reason)
            done.append(WindowOutcome(collection.stamp, window.units, outcome))
        return done

    def _attempt(self, collection: PlannedCollection, *, may_retry: bool) -> tuple[ApiOutcome, bool]:
        """The outcome of one window, and whether it was asked for."""
        name = collection.api.name
        with self._lock:
            # one for each API, so that a slow one does not hold up the others
            slots = self._slots.setdefault(name, threading.BoundedSemaphore(_WINDOWS_AT_ONCE))
        with slots:
            with self._lock:
                given_up = self._given_up.get(name)
            if self._api_collector.is_stopped:
                given_up = "the run was ended"
            if given_up:
                return self._api_collector.failed(collection, f"not asked for: {given_up}"), False
            try:
                outcome = self._api_collector.attempt(collection, may_retry=may_retry)
            except CollectionError as error:
                self._give_up(name, str(error))
                return self._api_collector.failed(collection, str(error)), True
            if outcome.upload_status == "failed" and outcome.spooled_to is None:
                self._give_up(name, f"its data can neither be stored nor kept: {outcome.error}")
        return outcome, True

    def _give_up(self, name: str, reason: str) -> None:
        with self._lock:
            self._given_up.setdefault(name, reason)
