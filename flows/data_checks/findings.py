"""Findings on a table: on its own, and compared with the last one that was stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from flows.data_checks.hours import MissingTimes, missing_times
from flows.data_checks.stored_shape import StoredShape

CheckName = Literal["duplicate_keys", "missing_hours", "window", "columns", "types", "row_count"]
_SHOWN = 5
# below this number of rows, twice as many or half is no finding
_FEW_ROWS = 10
_MAX_LENGTH_DIFFERENCE = 0.15


@dataclass(frozen=True)
class DataFinding:
    """Something about the data that a reader should know.

    Attributes:
        check: Which check found it, by its name in the configuration.
        message: One line.
    """

    check: CheckName
    message: str


def data_findings(
    frame: pl.DataFrame,
    *,
    key_columns: Sequence[str] = (),
    zone: ZoneInfo | None = None,
    time_column: str | None = None,
    expected_hours: tuple[datetime, datetime] | None = None,
    shape: StoredShape | None = None,
    last: StoredShape | None = None,
) -> tuple[DataFinding, ...]:
    """Run all checks on a table with rows.

    Args:
        frame: The table.
        key_columns: The columns that identify a row.
        zone: The zone of the data.
        time_column: The column of the rows' times, where it is known.
        expected_hours: The first hour and the end of the hours that it must have, where that is known.
        shape: The shape of the table as it is stored.
        last: The shape of the last object of the same API.
    """
    missing = missing_times(
        frame,
        key_columns,
        zone,
        expected_hours,
        time_column=time_column,
        last_step=last.step if last else None,
    )
    return (
        *_duplicate_keys(frame, key_columns),
        *(_missing_hours(missing) if missing else ()),
        *(_changes(shape, last) if shape and last else ()),
    )


def _duplicate_keys(frame: pl.DataFrame, key_columns: Sequence[str]) -> Iterator[DataFinding]:
    absent = [name for name in key_columns if name not in frame.columns]
    if absent:
        yield DataFinding("duplicate_keys", f"key_columns that the data does not have: {_listed(absent)}")
    elif key_columns:
        keys = frame.select(key_columns)
        surplus = keys.height - keys.n_unique()
        if surplus:
            first = keys.filter(keys.is_duplicated()).row(0)
            shown = ", ".join(f"{name} {value}" for name, value in zip(key_columns, first, strict=True))
            yield DataFinding(
                "duplicate_keys", f"{surplus} rows repeat the key_columns of another one, first: {shown}"
            )


def _missing_hours(missing: MissingTimes) -> Iterator[DataFinding]:
    if missing.times:
        times = missing.hours or missing.times
        shown = _listed([time.isoformat(timespec="minutes") for time in times])
        minutes = int(missing.step.total_seconds()) // 60
        what = (
            f"{len(times)} hours have"
            if missing.hours
            else f"{len(times)} of {missing.due} intervals of {minutes} minutes have"
        )
        yield DataFinding("missing_hours", f"{what} no row in {missing.column}: {shown}")
    if missing.incomplete_groups:
        shown = _listed(missing.incomplete_groups)
        yield DataFinding("missing_hours", f"some have no row at times that the others have: {shown}")


def _changes(shape: StoredShape, last: StoredShape) -> Iterator[DataFinding]:
    new = [name for name in shape.columns if name not in last.columns]
    gone = [name for name in last.columns if name not in shape.columns]
    if new:
        yield DataFinding("columns", f"columns that the last object did not have: {_listed(new)}")
    if gone:
        yield DataFinding("columns", f"columns of the last object that are gone: {_listed(gone)}")
    changed = [
        f"{name} (held {last.columns[name]}, holds {holds})"
        for name, holds in shape.columns.items()
        if name in last.columns
        and "nothing" not in {holds, last.columns[name]}
        and holds != last.columns[name]
    ]
    if changed:
        yield DataFinding("types", f"columns that hold something else: {_listed(changed)}")
    is_comparable = _have_equal_lengths(shape, last)
    if is_comparable and shape.rows and last.rows and max(shape.rows, last.rows) >= _FEW_ROWS:
        ratio = shape.rows / last.rows
        if not 1 / 2 <= ratio <= 2:
            yield DataFinding("row_count", f"{shape.rows:,} rows, where the last object has {last.rows:,}")


def _have_equal_lengths(shape: StoredShape, last: StoredShape) -> bool:
    """Whether two windows are as long as each other, but for the lengths of months and of days with DST."""
    if shape.length is None or last.length is None:
        return True
    return abs(shape.length / last.length - 1) <= _MAX_LENGTH_DIFFERENCE


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
