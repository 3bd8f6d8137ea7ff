"""Compares a collected table with the window that its requests named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import polars as pl

from flows.api_config import ApiConfig, Dates
from flows.data_checks import row_times, window_rows
from flows.request_plan import PlannedCollection, Window, units_of, window_stamp

StampRange = tuple[str, str]
"""The stamps of the first and the last of consecutive units."""


@dataclass(frozen=True)
class WindowComparison:
    """How the rows of a table lie in the window that was asked for.

    Attributes:
        held: The window of a backfill, from its first to its last unit with a row.
        time_column: The column of the rows' times; None where there is none.
        refusal: Why the table is not that of the window; None if it may be.
        outside: Which rows lie outside the window; None where all lie in it.
        unchecked: Why the rows could not be compared with the window; None if they were.
        without_rows: The units of the window without a row.
        units_without_rows: Their number.
    """

    held: Window | None = None
    time_column: str | None = None
    refusal: str | None = None
    outside: str | None = None
    unchecked: str | None = None
    without_rows: tuple[StampRange, ...] = ()
    units_without_rows: int = 0


def compare_with_window(collection: PlannedCollection, frame: pl.DataFrame) -> WindowComparison:
    """Compare the times of a table's rows with the window of its requests.

    The object of a longer window spans the units from the first to the last one with a row, and its metadata
    name those between them without one. So the next backfill asks for exactly the units without a row, and
    what it gets becomes an object of its own: a service that returns the last eight days of the month that
    it was asked for yields the month in four backfills.
    """
    api, window = collection.api, collection.asked_for
    compared = WindowComparison(collection.window)
    if window is None or not frame.height or api.time_column is False:
        return compared
    dates = api.dates or Dates()
    span = (window.start, window.end)
    columns = [api.time_column] if api.time_column else api.key_columns or ()
    times = row_times(frame, columns, ZoneInfo(dates.timezone), span)
    if times is None:
        return replace(compared, unchecked=_unchecked(api, frame))
    is_long = window == collection.window and window.units > 1
    units = units_of(window, dates) if is_long else (window,)
    found = window_rows(frame, times, span, [unit.start for unit in units])
    compared = replace(compared, time_column=times.column, refusal=found.refusal, outside=found.outside)
    if not is_long or found.refusal or not found.without_rows:
        return compared
    return replace(
        compared,
        held=_held(units, found.without_rows),
        without_rows=_ranges([window_stamp(unit, dates.unit) for unit in units], found.without_rows),
        units_without_rows=len(found.without_rows),
    )


def _unchecked(api: ApiConfig, frame: pl.DataFrame) -> str:
    reason = "no column of key_columns holds times"
    if api.time_column:
        is_there = api.time_column in frame.columns
        reason = f"{api.time_column} {'holds values that are no times' if is_there else 'is no column'}"
    return (
        f"the rows cannot be compared with the dates that were asked for: {reason}; "
        "name the column of their times under time_column, or set it to false"
    )


def _held(units: Sequence[Window], without_rows: Sequence[int]) -> Window:
    with_rows = sorted(set(range(len(units))) - set(without_rows))
    held = units[with_rows[0]]
    for unit in units[with_rows[0] + 1 : with_rows[-1] + 1]:
        held = held.joined_with(unit)
    return held


def _ranges(stamps: Sequence[str], positions: Sequence[int]) -> tuple[StampRange, ...]:
    ranges: list[StampRange] = []
    before = None
    for position in positions:
        if before is not None and position == before + 1:
            ranges[-1] = (ranges[-1][0], stamps[position])
        else:
            ranges.append((stamps[position], stamps[position]))
        before = position
    return tuple(ranges)
