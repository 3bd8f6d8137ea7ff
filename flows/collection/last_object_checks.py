"""Checks of a collected table: against the rules of its API, and against the last object stored of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flows.collection.api_table import CollectedTable
from flows.data_checks import HEAD_BYTES, DataFinding, StoredShape, csv_shape, data_findings
from flows.object_store import CSV_CONTENT_TYPE, ObjectStore, StorableObject, StorageError, held_dates
from flows.request_plan import PlannedCollection
from flows.tabulation import changed_types, parquet_types

# a finding of tabulation on the layout of a table, which stays the same from run to run
_REPORTED_WITH_NEW_COLUMNS = "nested-lists-kept"


@dataclass(frozen=True)
class CheckedTable:
    """The findings of tabulation and of the checks.

    Attributes:
        findings: What to show, a line each.
        failures: Those of them whose check is set to `fail`.
    """

    findings: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


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
        self._types: dict[tuple[str, str], dict[str, str]] = {}
        self._lock = threading.Lock()

    def check(
        self, collection: PlannedCollection, collected: CollectedTable, storables: tuple[StorableObject, ...]
    ) -> CheckedTable:
        """Check a table with rows; where the last object cannot be read, a finding says so."""
        api = collection.api
        frame = collected.table.frame
        notes: list[str] = []
        csv = next((each for each in storables if each.content_type == CSV_CONTENT_TYPE), None)
        shape = last = None
        if csv is not None and api.checks.compares:
            shape = csv_shape(csv.body[:HEAD_BYTES], frame.height)
            try:
                last = self._last_shape(collection)
            except StorageError as error:
                notes.append(f"not compared with the last object: {error}")
            with self._lock:
                self._last[api.name, collection.series] = shape and shape.with_known(last)
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
        for finding in (*found, *self._type_changes(collection, collected)):
            by_severity[getattr(api.checks, finding.check)].append(finding.message)
        failures = tuple(by_severity["fail"])
        return CheckedTable((*of_tabulation, *failures, *by_severity["warn"], *notes), failures)

    def _type_changes(
        self, collection: PlannedCollection, collected: CollectedTable
    ) -> tuple[DataFinding, ...]:
        """Compare the Parquet types of a table with those of the tables before it in its series."""
        api = collection.api
        if "parquet" not in api.outputs or api.checks.types == "off":
            return ()
        types = parquet_types(collected.table.typed())
        with self._lock:
            known = self._types.get((api.name, collection.series), {})
            self._types[api.name, collection.series] = {**known, **types}
        changed = changed_types(types, known)
        message = f"columns whose Parquet type changed: {', '.join(changed)}"
        return (DataFinding("types", message),) if changed else ()

    def _last_shape(self, collection: PlannedCollection) -> StoredShape | None:
        api = collection.api
        with self._lock:
            if (api.name, collection.series) in self._last:
                return self._last[api.name, collection.series]
        if collection.window and not all(request.may_be_unpublished for request in collection.requests):
            return None
        newest = self._store.latest(api.output_folder, api.csv_prefix, "csv")
        if newest is None:
            return None
        head, metadata = self._store.read_start(newest.key, HEAD_BYTES)
        if collection.window and not held_dates(metadata):
            # a snapshot of current data is not comparable with a window
            return None
        rows = metadata.get("rows", "")
        return csv_shape(head, int(rows) if rows.isdecimal() else None)


def _expected_hours(
    collection: PlannedCollection, collected: CollectedTable
) -> tuple[datetime, datetime] | None:
    if collection.window is None:
        return None
    # hours in the future are not missing
    until = min(collection.window.end, max(response.collected_at for response in collected.responses))
    return (collection.window.start, until) if until > collection.window.start else None
