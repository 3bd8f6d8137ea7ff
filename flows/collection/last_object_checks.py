"""Checks a table with rows: on its own, against its window, and against the last object of its API."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from flows.api_config import ApiConfig
from flows.collection.api_table import CollectedTable
from flows.collection.last_objects import LastObjects, Lookup, is_compared
from flows.data_checks import HEAD_BYTES, DataFinding, StoredShape, csv_shape, data_findings
from flows.object_store import CSV_CONTENT_TYPE, StorableObject, StorageError
from flows.request_plan import PlannedCollection, Window
from flows.tabulation import changed_types, parquet_types

_SHOWN_COLUMNS = 5
# findings of tabulation on the layout of a table, which stays the same from run to run
_REPORTED_WITH_NEW_COLUMNS = {"nested-lists-kept", "label-renamed"}


@dataclass(frozen=True)
class CheckedTable:
    """What the checks of a table have found.

    Attributes:
        findings: What to show, a line each.
        failures: Those of them whose check is set to `fail`.
        refusals: Why the table must not be stored as that of its window, whatever the checks are set to.
    """

    findings: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


class TableChecks:
    """The checks of one run, for several threads.

    Args:
        last_objects: The last objects of its APIs.
    """

    def __init__(self, last_objects: LastObjects) -> None:
        self._last_objects = last_objects
        self._types: dict[tuple[str, str], dict[str, str]] = {}
        self._stamps: dict[tuple[str, str], str] = {}
        self._unchecked: set[str] = set()
        self._lock = threading.Lock()

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
            lookup: What `LastObjects.look_up` returned.
        """
        refusal = collected.in_window.refusal
        if refusal:
            # its rows are not those of a window, with which the next one could be compared
            messages = tuple(finding.message for finding in collected.table.findings)
            return CheckedTable(messages, refusals=(refusal,))
        api, frame = collection.api, collected.table.frame
        notes = self._unchecked_note(collection, collected)
        shape = last = None
        try:
            shape, last = self._shapes(collection, collected, storables, lookup)
        except StorageError as error:
            notes.append(f"not compared with the last object: {error}")
        has_new_columns = not (shape and last and shape.columns.keys() <= last.columns.keys())
        of_tabulation = [
            finding.message
            for finding in collected.table.findings
            if has_new_columns or finding.code not in _REPORTED_WITH_NEW_COLUMNS
        ]
        types = {}
        if "parquet" in api.outputs and api.checks.types != "off":
            types = parquet_types(collected.table.typed())
        stamp_key = (api.name, storables[0].metadata["sha256"])
        found = [
            *self._window_findings(collection, collected, stamp_key),
            *self._type_changes(collection, types),
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
        refusals = _without_key_columns(api, frame)
        is_stored = not (failures or refusals or collected.rejection)
        # the next window is not compared with one that is not stored
        if is_stored and shape:
            self._last_objects.remember(collection, shape.with_known(last))
        with self._lock:
            if is_stored:
                self._types.setdefault((api.name, collection.series), {}).update(types)
            elif self._stamps.get(stamp_key) == collection.stamp:
                del self._stamps[stamp_key]
        findings = (*of_tabulation, *failures, *by_severity["warn"], *notes)
        return CheckedTable(findings, failures, refusals)

    def _shapes(
        self,
        collection: PlannedCollection,
        collected: CollectedTable,
        storables: tuple[StorableObject, ...],
        lookup: Lookup | None,
    ) -> tuple[StoredShape | None, StoredShape | None]:
        """The shapes of a table and of the last object; None where they are not compared.

        Raises:
            StorageError: The last object could not be read.
        """
        api = collection.api
        csv = next((each for each in storables if each.content_type == CSV_CONTENT_TYPE), None)
        if csv is None or not is_compared(api):
            return None, None
        time_column = collected.in_window.time_column
        columns = [time_column] if time_column else api.key_columns or ()
        last = self._last_objects.shape(collection, lookup, columns, _zone(api))
        if last is None and collection.window is None:
            return None, None
        shape = csv_shape(csv.body[:HEAD_BYTES], collected.table.frame.height, columns, _zone(api))
        if shape and collection.window:
            shape = replace(shape, length=_length(collection.window))
        return shape, last

    def _type_changes(self, collection: PlannedCollection, types: dict[str, str]) -> list[DataFinding]:
        """Compare the Parquet types of a table with those of the tables before it in its series."""
        with self._lock:
            changed = changed_types(types, self._types.get((collection.api.name, collection.series), {}))
        message = f"columns whose Parquet type changed: {', '.join(changed)}"
        return [DataFinding("types", message)] if changed else []

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
        self, collection: PlannedCollection, collected: CollectedTable, stamp_key: tuple[str, str]
    ) -> Iterator[DataFinding]:
        if collected.in_window.outside:
            yield DataFinding("window", collected.in_window.outside)
        if collection.window:
            with self._lock:
                stamp = self._stamps.setdefault(stamp_key, collection.stamp)
            if stamp != collection.stamp:
                yield DataFinding("window", f"the same rows as {stamp}")


def _zone(api: ApiConfig) -> ZoneInfo | None:
    return ZoneInfo(api.dates.timezone) if api.dates else None


def _length(window: Window) -> timedelta:
    return window.end.astimezone(UTC) - window.start.astimezone(UTC)


def _without_key_columns(api: ApiConfig, frame: pl.DataFrame) -> tuple[str, ...]:
    """A reason not to store a window, where its table has none of the `key_columns`."""
    if not api.key_columns or set(api.key_columns) & set(frame.columns):
        return ()
    shown = ", ".join(frame.columns[:_SHOWN_COLUMNS]) + (", …" if frame.columns[_SHOWN_COLUMNS:] else "")
    return (f"the response has none of the key_columns ({', '.join(api.key_columns)}); it has {shown}",)


def _expected_hours(
    collection: PlannedCollection, collected: CollectedTable
) -> tuple[datetime, datetime] | None:
    if collection.window is None or collection.window != collection.asked_for:
        return None
    window = collection.window
    # hours in the future are not missing
    until = min(window.end, max(response.collected_at for response in collected.responses))
    return (window.start, until) if until > window.start else None
