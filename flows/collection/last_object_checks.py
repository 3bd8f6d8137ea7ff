"""Checks of a collected table: against the rules of its API, and against the last object stored of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flows.api_config import ApiConfig
from flows.collection.api_table import CollectedTable
from flows.data_checks import HEAD_BYTES, DataFinding, StoredShape, csv_shape, data_findings
from flows.object_store import CSV_CONTENT_TYPE, ObjectStore, StorableObject, StorageError, held_dates
from flows.request_plan import PlannedCollection, Window
from flows.tabulation import changed_types, parquet_types

# a finding of tabulation on the layout of a table, which stays the same from run to run
_REPORTED_WITH_NEW_COLUMNS = "nested-lists-kept"


@dataclass(frozen=True)
class CheckedTable:
    """The findings of tabulation and of the checks.

    Attributes:
        findings: What to show, a line each.
        failures: Those of them whose check is set to `fail`.
        refusals: Why the table must not be stored as that of its window, whatever the checks are set to.
    """

    findings: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


class TableChecks:
    """The checks of one run, for several threads; the last object of each API is read once.

    A window is compared with the one before it in its series, since the newest object may be years away. The
    first window of a series is compared with the newest object of a window, where it is recent. A run is
    compared with the newest object of a run.

    Args:
        store: The bucket, with the objects of earlier runs.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._last: dict[tuple[str, str], StoredShape | None] = {}
        self._types: dict[tuple[str, str], dict[str, str]] = {}
        self._stamps: dict[tuple[str, str], str] = {}
        self._unchecked: set[str] = set()
        self._lock = threading.Lock()

    def check(
        self, collection: PlannedCollection, collected: CollectedTable, storables: tuple[StorableObject, ...]
    ) -> CheckedTable:
        """Check a table with rows; where the last object cannot be read, a finding says so."""
        refusal = collected.in_window.refusal
        if refusal:
            # its rows are not those of a window, with which the next one could be compared
            messages = tuple(finding.message for finding in collected.table.findings)
            return CheckedTable(messages, refusals=(refusal,))
        api = collection.api
        frame = collected.table.frame
        notes = self._unchecked_note(collection, collected)
        csv = next((each for each in storables if each.content_type == CSV_CONTENT_TYPE), None)
        shape = last = None
        if csv is not None and api.checks.compares:
            try:
                last = self._last_shape(collection, collected.in_window.time_column)
            except StorageError as error:
                notes.append(f"not compared with the last object: {error}")
            columns = _time_columns(api, collected.in_window.time_column)
            shape = csv_shape(csv.body[:HEAD_BYTES], frame.height, columns, _zone(api))
            if shape and collection.window:
                shape = replace(shape, length=_length(collection.window))
            with self._lock:
                self._last[api.name, collection.series] = shape and shape.with_known(last)
        has_new_columns = not (shape and last and shape.columns.keys() <= last.columns.keys())
        of_tabulation = [
            finding.message
            for finding in collected.table.findings
            if has_new_columns or finding.code != _REPORTED_WITH_NEW_COLUMNS
        ]
        found = [
            *self._window_findings(collection, collected, storables[0]),
            *self._type_changes(collection, collected),
            *data_findings(
                frame,
                key_columns=api.key_columns or (),
                zone=_zone(api),
                time_column=collected.in_window.time_column,
                expected_hours=_expected_hours(collection, collected),
                shape=shape,
                last=last,
            ),
        ]
        by_severity: dict[str, list[str]] = {"off": [], "warn": [], "fail": []}
        for finding in found:
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

    def _unchecked_note(self, collection: PlannedCollection, collected: CollectedTable) -> list[str]:
        """Why a backfill's rows cannot be compared with their windows, said once for each API."""
        api, unchecked = collection.api, collected.in_window.unchecked
        if unchecked is None or collection.window is None or api.checks.window == "off":
            return []
        with self._lock:
            is_first = api.name not in self._unchecked
            self._unchecked.add(api.name)
        return [unchecked] if is_first else []

    def _window_findings(
        self, collection: PlannedCollection, collected: CollectedTable, storable: StorableObject
    ) -> Iterator[DataFinding]:
        if collected.in_window.outside:
            yield DataFinding("window", collected.in_window.outside)
        if collection.window:
            digest = storable.metadata["sha256"]
            with self._lock:
                stamp = self._stamps.setdefault((collection.api.name, digest), collection.stamp)
            if stamp != collection.stamp:
                yield DataFinding("window", f"the same rows as {stamp}")

    def _last_shape(self, collection: PlannedCollection, time_column: str | None) -> StoredShape | None:
        api = collection.api
        with self._lock:
            if (api.name, collection.series) in self._last:
                return self._last[api.name, collection.series]
        if collection.window and not all(request.may_be_unpublished for request in collection.requests):
            return None
        newest = self._store.latest(
            api.output_folder, api.csv_prefix, "windows" if collection.window else "runs"
        )
        if newest is None:
            return None
        head, metadata = self._store.read_start(newest.key, HEAD_BYTES)
        rows = metadata.get("rows", "")
        count = int(rows) if rows.isdecimal() else None
        shape = csv_shape(head, count, _time_columns(api, time_column), _zone(api))
        held = held_dates(metadata)
        return replace(shape, length=held.end - held.start) if shape and held else shape


def _zone(api: ApiConfig) -> ZoneInfo | None:
    return ZoneInfo(api.dates.timezone) if api.dates else None


def _length(window: Window) -> timedelta:
    return window.end.astimezone(UTC) - window.start.astimezone(UTC)


def _time_columns(api: ApiConfig, time_column: str | None) -> Sequence[str]:
    return [time_column] if time_column else api.key_columns or ()


def _expected_hours(
    collection: PlannedCollection, collected: CollectedTable
) -> tuple[datetime, datetime] | None:
    if collection.window is None or collection.window != collection.asked_for:
        return None
    # hours in the future are not missing
    until = min(collection.window.end, max(response.collected_at for response in collected.responses))
    return (collection.window.start, until) if until > collection.window.start else None
