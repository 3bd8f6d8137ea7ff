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

# each holds its reply and its table in memory; more than four make two cores no quicker
_WINDOWS_AT_ONCE = 4


class WindowCollector:
    """What the batches of one backfill share; it remembers what is done, so that a retry goes on from there.

    Args:
        run: Collects and stores.
        now: When the backfill began.
        progress: Is told what gets done.
    """

    def __init__(self, run: ApiCollector, now: datetime, progress: ProgressCount) -> None:
        self.run = run
        self.progress = progress
        self._now = now
        self._done: dict[tuple[str, int], list[WindowOutcome]] = {}
        self._given_up: dict[str, str] = {}
        self._places: dict[str, threading.BoundedSemaphore] = {}
        self._lock = threading.Lock()

    def attempt(self, batch: WindowBatch, *, may_retry: bool) -> list[WindowOutcome]:
        """Collect and store the windows of a batch; the failure of one does not keep it from the others.

        An API that refuses our credentials, whose host does not answer, or whose data has nowhere to go,
        is not asked for its other windows.

        Args:
            batch: What to collect.
            may_retry: Whether there will be another attempt, which what may pass by then is raised for.

        Raises:
            StorageError: A window could not be stored for now; only where `may_retry`.
            RuntimeError: Something unforeseen went wrong; only where `may_retry`.
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
        """The outcomes of a batch whose task ended in another way: what it had done, and the rest failed."""
        with self._lock:
            done = list(self._done.get((batch.api.name, batch.number), ()))
        for window in batch.windows[len(done) :]:
            collection = plan_window(batch.api, window, self._now, batch.series)
            done.append(WindowOutcome(collection.stamp, window.units, self.run.failed(collection, reason)))
        return done

    def _attempt(self, collection: PlannedCollection, *, may_retry: bool) -> tuple[ApiOutcome, bool]:
        name = collection.api.name
        with self._lock:
            # of its own for each API, so that one that is asked slowly does not hold up the others
            places = self._places.setdefault(name, threading.BoundedSemaphore(_WINDOWS_AT_ONCE))
        with places:
            with self._lock:
                given_up = self._given_up.get(name)
            if self.run.is_ending:
                given_up = "the run was ended"
            if given_up:
                return self.run.failed(collection, f"not asked for: {given_up}"), False
            try:
                outcome = self.run.attempt(collection, may_retry=may_retry)
            except CollectionError as error:
                self._give_up(name, str(error))
                return self.run.failed(collection, str(error)), True
            if outcome.upload_status == "failed" and outcome.spooled_to is None:
                self._give_up(name, f"what it gives can neither be stored nor kept: {outcome.error}")
        return outcome, True

    def _give_up(self, name: str, reason: str) -> None:
        with self._lock:
            self._given_up.setdefault(name, reason)
