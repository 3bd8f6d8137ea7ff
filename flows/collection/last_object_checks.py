"""Checks of a collected table: against the rules of its API, and against the last object stored of it."""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from flows.api_config import ApiConfig
from flows.collection.api_table import CollectedTable
from flows.data_checks import HEAD_BYTES, StoredShape, csv_shape, data_findings
from flows.object_store import CSV_CONTENT_TYPE, ObjectStore, StorableObject, StorageError, held_dates
from flows.request_plan import PlannedCollection

# as many as there are APIs at once
_LOOKS_AT_ONCE = 16
_SHOWN_COLUMNS = 5
# a finding of tabulation on the layout of a table, which stays the same from run to run
_REPORTED_WITH_NEW_COLUMNS = "nested-lists-kept"


@dataclass(frozen=True)
class CheckedTable:
    """The findings of tabulation and of the checks.

    Attributes:
        findings: What to show, a line each.
        failures: Those of them whose check is set to `fail`.
        refusals: Those of them for which a window is not stored, whatever the severity of their check.
    """

    findings: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True)
class _LastObject:
    """The start of an object in the bucket."""

    head: bytes
    metadata: dict[str, str]

    def shape(self) -> StoredShape | None:
        rows = self.metadata.get("rows", "")
        return csv_shape(self.head, int(rows) if rows.isdecimal() else None)


Lookup = Future[_LastObject | None]
"""A look-up of an API's last object, which runs while the API is being requested."""


class TableChecks:
    """The checks of one run, for several threads; the last object of each API is read once.

    A window is compared with the one before it in its series, since the newest object may be years away. The
    first window of a series is compared with the newest object only where it is recent.

    Args:
        store: The bucket, with the objects of earlier runs.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._last: dict[tuple[str, str], StoredShape | None] = {}
        self._threads = ThreadPoolExecutor(_LOOKS_AT_ONCE, "last-objects")
        self._lock = threading.Lock()

    def prepare(self, collection: PlannedCollection) -> Lookup | None:
        """Start to look up the last object while the API is being requested; None where it is not needed."""
        if not self._is_compared(collection):
            return None
        with self._lock:
            if (collection.api.name, collection.series) in self._last:
                return None
        if collection.window and not all(request.may_be_unpublished for request in collection.requests):
            return None
        return self._threads.submit(self._newest, collection)

    def close(self) -> None:
        """Start no further look-up."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def earlier_columns(self, collection: PlannedCollection, lookup: Lookup | None) -> Collection[str] | None:
        """The columns of the last object, however old it is; None where none can be read."""
        try:
            last = self._last_shape(collection, lookup)
            if last is None and (newest := self._newest(collection)):
                last = newest.shape()
        except StorageError:
            return None
        return last.columns if last else None

    def check(
        self,
        collection: PlannedCollection,
        collected: CollectedTable,
        storables: tuple[StorableObject, ...],
        lookup: Lookup | None,
    ) -> CheckedTable:
        """Check a table with rows; where the last object cannot be read, a finding says so.

        Args:
            collection: What was collected.
            collected: Its table.
            storables: The objects of the table.
            lookup: What `prepare` returned.
        """
        api = collection.api
        frame = collected.table.frame
        notes: list[str] = []
        csv = next((each for each in storables if each.content_type == CSV_CONTENT_TYPE), None)
        shape = last = None
        if csv is not None and self._is_compared(collection):
            try:
                last = self._last_shape(collection, lookup)
            except StorageError as error:
                notes.append(f"not compared with the last object: {error}")
            if last or collection.window:
                shape = csv_shape(csv.body[:HEAD_BYTES], frame.height)
        has_new_columns = not (shape and last and shape.columns.keys() <= last.columns.keys())
        of_tabulation = [
            finding.message
            for finding in collected.table.findings
            if has_new_columns or finding.code != _REPORTED_WITH_NEW_COLUMNS
        ]
        found = data_findings(
            frame,
            key_columns=api.key_columns or (),
            zone=ZoneInfo(api.dates.timezone) if api.dates else None,
            expected_hours=_expected_hours(collection, collected),
            shape=shape,
            last=last,
        )
        by_severity: dict[str, list[str]] = {"off": [], "warn": [], "fail": []}
        for finding in found:
            by_severity[getattr(api.checks, finding.check)].append(finding.message)
        failures = tuple(by_severity["fail"])
        refusals = _without_key_columns(api, frame)
        if shape and not (failures or refusals or collected.rejection):
            # the next window is not compared with one that is not stored
            with self._lock:
                self._last[api.name, collection.series] = shape
        findings = (*of_tabulation, *failures, *by_severity["warn"], *notes)
        return CheckedTable(findings, failures, refusals)

    def _is_compared(self, collection: PlannedCollection) -> bool:
        return "csv" in collection.api.outputs and collection.api.checks.compares

    def _is_looked_up(self, collection: PlannedCollection) -> bool:
        """Whether the last object is to be looked up in the bucket; to be called with the lock."""
        if (collection.api.name, collection.series) in self._last:
            return False
        return not collection.window or all(request.may_be_unpublished for request in collection.requests)

    def _last_shape(self, collection: PlannedCollection, lookup: Lookup | None) -> StoredShape | None:
        """The shape of the window before, or of the last object where that is looked up."""
        with self._lock:
            last = self._last.get((collection.api.name, collection.series))
        if last or lookup is None:
            return last
        found = lookup.result()
        if found is None or (collection.window and not held_dates(found.metadata)):
            # a snapshot of current data is not comparable with a window
            return None
        return found.shape()

    def _newest(self, collection: PlannedCollection) -> _LastObject | None:
        newest = self._store.latest(collection.api.output_folder, collection.api.csv_prefix, "csv")
        return _LastObject(*self._store.read_start(newest.key, HEAD_BYTES)) if newest else None


def _without_key_columns(api: ApiConfig, frame: pl.DataFrame) -> tuple[str, ...]:
    """A reason not to store a window, where its table has none of the `key_columns`."""
    if not api.key_columns or set(api.key_columns) & set(frame.columns):
        return ()
    shown = ", ".join(frame.columns[:_SHOWN_COLUMNS]) + (", …" if frame.columns[_SHOWN_COLUMNS:] else "")
    return (f"the response has none of the key_columns ({', '.join(api.key_columns)}); it has {shown}",)


def _expected_hours(
    collection: PlannedCollection, collected: CollectedTable
) -> tuple[datetime, datetime] | None:
    if collection.window is None:
        return None
    # hours in the future are not missing
    until = min(collection.window.end, max(response.collected_at for response in collected.responses))
    return (collection.window.start, until) if until > collection.window.start else None
