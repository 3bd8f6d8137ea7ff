"""Compares the times of a table's rows with the window that was asked for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from flows.data_checks.row_times import RowTimes, Span

# of a date or a month, where an object of that length is the shortest that may hold one of the next window
_LENGTHS = {"time": timedelta(0), "day": timedelta(days=1, hours=1), "month": timedelta(days=31, hours=1)}


@dataclass(frozen=True)
class WindowRows:
    """How the rows of a table lie in the window that was asked for.

    Attributes:
        refusal: Why the table is not that of the window: none of its times lies there.
        outside: Which rows lie outside the window; None where all lie in it.
        without_rows: The positions of the window's units without a row.
    """

    refusal: str | None = None
    outside: str | None = None
    without_rows: tuple[int, ...] = ()


def window_rows(frame: pl.DataFrame, times: RowTimes, window: Span, units: Sequence[datetime]) -> WindowRows:
    """Compare the times of a table with a window.

    The end of the window counts as part of it where other rows lie before it, as some services include the
    first row of the next window and others write the end of each interval; so does a table whose only
    time it is. A date is a part of every window that it overlaps.

    Args:
        frame: The table.
        times: The times of its rows.
        window: The first moment of the window, and the first one after it.
        units: The first moment of each unit of the window, in order.
    """
    start, end = (moment.astimezone(UTC) for moment in window)
    within = times.texts_within(start, end)
    at_end = times.texts_at(end)
    asked = (
        f"the window {window[0].isoformat(timespec='minutes')} to {window[1].isoformat(timespec='minutes')}"
    )
    if not within and not (times.precision == "time" and len(at_end) == len(times.spans)):
        return WindowRows(refusal=f"no row lies in {asked}: {_range_text(times, times.spans.keys())}")
    if end - start > _LENGTHS[times.precision]:
        within = within | at_end
    outside = times.spans.keys() - within
    message = None
    if outside:
        column = frame[times.column]
        count = column.is_in(list(outside)).sum()
        message = f"{count:,} of {frame.height:,} rows lie outside {asked}: {_range_text(times, outside)}"
    return WindowRows(outside=message, without_rows=_units_without_rows(times, units, end))


def _range_text(times: RowTimes, texts: Collection[str]) -> str:
    """The first and the last of these texts, as the source wrote them."""
    ordered = sorted(texts, key=lambda text: times.spans[text][0])
    return f"{times.column} is {ordered[0]}" + (f" to {ordered[-1]}" if len(ordered) > 1 else "")


def _units_without_rows(times: RowTimes, units: Sequence[datetime], end: datetime) -> tuple[int, ...]:
    """The positions of the units without a row.

    A time on the border of two units belongs to the first of them where rows are named after the end of their
    interval, so that no series of units begins with a time on its border. Otherwise it belongs to the second,
    unless that one has no other time and the first one has some.
    """
    starts = [unit.astimezone(UTC) for unit in units]
    inside: set[int] = set()
    on_border: set[int] = set()
    for spans in times.spans.values():
        for first, after in spans:
            if after > first:
                inside.update(range(max(bisect_right(starts, first) - 1, 0), bisect_left(starts, after)))
            elif first == end:
                on_border.add(len(starts))
            elif starts[0] <= first < end:
                position = bisect_right(starts, first) - 1
                (on_border if starts[position] == first else inside).add(position)
    first_units = {unit for unit in inside if unit - 1 not in inside}
    if first_units:
        is_by_end = not first_units & on_border
    else:
        is_by_end = len(starts) in on_border and 0 not in on_border

    def has_row(unit: int) -> bool:
        if unit in inside:
            return True
        if is_by_end:
            return unit + 1 in on_border
        return unit in on_border and unit - 1 not in inside

    return tuple(unit for unit in range(len(starts)) if not has_row(unit))
