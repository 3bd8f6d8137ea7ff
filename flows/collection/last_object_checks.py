"""One collected table beside the rules of its API and the last object that was stored of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flows.collection.api_table import CollectedTable
from flows.data_checks import HEAD_BYTES, StoredShape, csv_shape, data_findings
from flows.object_store import CSV_CONTENT_TYPE, ObjectStore, StorableObject, StorageError, held_dates
from flows.request_plan import PlannedCollection

# of tabulating: how a table is laid out, which stays the same from run to run
_TOLD_WHERE_COLUMNS_ARE_NEW = "nested-lists-kept"


@dataclass(frozen=True)
class CheckedTable:
    """What tabulating and the checks make of a table.

    Attributes:
        findings: What is to be shown, a line each.
        failures: Those among them that the configuration calls failures.
    """

    findings: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


class TableChecks:
    """The checks of one run, for many threads; each API's last object is looked up once.

    Past dates are compared with the date before them in their series, since the newest object may be years
    away from them; the first of a series only where it is young.

    Args:
        store: Has the objects of earlier runs.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._last: dict[tuple[str, str], StoredShape | None] = {}
        self._lock = threading.Lock()

    def check(
        self, collection: PlannedCollection, collected: CollectedTable, storables: tuple[StorableObject, ...]
    ) -> CheckedTable:
        """Check a table that has rows; what cannot be compared is said, and fails nothing."""
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
                self._last[api.name, collection.series] = shape
        has_new_columns = not (shape and last and shape.columns.keys() <= last.columns.keys())
        of_tabulating = [
            finding.message
            for finding in collected.table.findings
            if has_new_columns or finding.code != _TOLD_WHERE_COLUMNS_ARE_NEW
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
        return CheckedTable((*of_tabulating, *failures, *by_severity["warn"], *notes), failures)

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
            # a snapshot of what was current then is no date to compare a date with
            return None
        rows = metadata.get("rows", "")
        return csv_shape(head, int(rows) if rows.isdecimal() else None)


def _expected_hours(
    collection: PlannedCollection, collected: CollectedTable
) -> tuple[datetime, datetime] | None:
    if collection.window is None:
        return None
    # what is still to come is not missing
    until = min(collection.window.end, max(payload.collected_at for payload in collected.responses))
    return (collection.window.start, until) if until > collection.window.start else None
