"""Finds the times that are missing in a series of 5, 15, 30 or 60 minutes, by the calendar of its zone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import polars as pl

from flows.data_checks.row_times import RowTimes, Span, row_times

_HOUR = timedelta(hours=1)
_HOUR_SECONDS = 3600
_MIN_STEP_SECONDS = 300
# fewer times do not show a step
_MIN_TIMES = 3


@dataclass(frozen=True)
class MissingTimes:
    """The times without a row in a series.

    Attributes:
        column: The column of the times.
        step: The time from one row to the next.
        times: The missing times, in the zone of the data.
        hours: The hours that are missing altogether, where every missing time is in one; else empty.
        due: How many times there should be.
        incomplete_groups: The values of the other key columns that lack times which the others have.
    """

    column: str
    step: timedelta
    times: tuple[datetime, ...]
    hours: tuple[datetime, ...]
    due: int
    incomplete_groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Grid:
    """The times that a series should have: `start`, and `count` steps from the step number `first`."""

    start: datetime
    step: timedelta
    first: int
    count: int

    @property
    def due(self) -> range:
        return range(self.first, self.first + self.count)


def missing_times(
    frame: pl.DataFrame,
    key_columns: Sequence[str],
    zone: ZoneInfo | None,
    expected: Span | None,
    *,
    time_column: str | None = None,
    last_step: timedelta | None = None,
) -> MissingTimes | None:
    """Return the times without a row of a series of whole fractions of an hour; None where there is none.

    A column of times counts as a series where it identifies rows, or all its times are on the hour; and
    where at least half the times of its range are there, or the range is known and most times follow each
    other by one step, or the last object had that step. This excludes days, months and events.

    Args:
        frame: The table.
        key_columns: The columns that identify a row; may be empty.
        zone: The zone of times without an offset, and of the times returned.
        expected: The first moment and the end of the times that must be there; by default the column's range.
        time_column: The column of the times, where it is known.
        last_step: The step of the last object.
    """
    keys = [*([time_column] if time_column else []), *key_columns]
    for name in dict.fromkeys((*keys, *frame.columns)):
        times = row_times(frame, [name], zone, expected)
        if times is None or times.precision != "time":
            continue
        moments = sorted(times.moments)
        shown_in = zone or times.zone
        if not (name in keys or all(moment == _hour_start(moment, shown_in) for moment in moments)):
            continue
        grid = _grid(moments, shown_in, expected, last_step)
        if grid is None:
            continue
        present = {(moment - grid.start) // grid.step for moment in moments}
        missing = [(grid.start + number * grid.step) for number in grid.due if number not in present]
        return MissingTimes(
            name,
            grid.step,
            tuple(moment.astimezone(shown_in) for moment in missing),
            tuple(moment.astimezone(shown_in) for moment in _whole_hours(missing, grid.step, shown_in)),
            grid.count,
            _incomplete_groups(frame, times, [key for key in key_columns if key != name]) if expected else (),
        )
    return None


def series_step(moments: Collection[datetime]) -> timedelta | None:
    """The step of a series: the longest one that leads to all its times; None where it is no part of an hour.

    Args:
        moments: Its times, each once.
    """
    ordered = sorted(moments)
    seconds = math.gcd(*(int((after - before).total_seconds()) for before, after in pairwise(ordered)))
    is_step = len(ordered) >= _MIN_TIMES and seconds >= _MIN_STEP_SECONDS and _HOUR_SECONDS % seconds == 0
    return timedelta(seconds=seconds) if is_step else None


def _grid(
    moments: Sequence[datetime],
    zone: tzinfo,
    expected: Span | None,
    last_step: timedelta | None,
) -> _Grid | None:
    start, end = _hour_start(moments[0], zone), moments[-1]
    is_range_known = expected is not None and any(expected[0] <= each <= expected[1] for each in moments)
    if expected is not None and is_range_known:
        start, end = (moment.astimezone(UTC) for moment in expected)
    is_known = bool(is_range_known and last_step and not any((each - start) % last_step for each in moments))
    step = last_step if is_known and last_step else series_step(moments) or _HOUR
    if not is_range_known:
        start = moments[0] - (moments[0] - start) % step
        end = end + step - (end - start) % step
    present = {(moment - start) // step for moment in moments if moment >= start}
    count = (end - start) // step
    # the rows are named after the end of their interval where the window's end is there and its start is not
    first = int(max(present) == count and 0 not in present)
    here = sum(first <= number < first + count for number in present)
    follow_on = sum(after - before == step for before, after in pairwise(moments))
    is_regular = is_range_known and 2 * follow_on >= len(moments) - 1
    is_series = len(moments) >= _MIN_TIMES and (2 * here >= count or is_regular)
    return _Grid(start, step, first, count) if is_known or is_series else None


def _whole_hours(missing: Sequence[datetime], step: timedelta, zone: tzinfo) -> list[datetime]:
    """The missing hours; none where only a part of an hour is missing."""
    by_hour = Counter(_hour_start(moment, zone) for moment in missing)
    return list(by_hour) if all(count == _HOUR // step for count in by_hour.values()) else []


def _incomplete_groups(frame: pl.DataFrame, times: RowTimes, others: Sequence[str]) -> tuple[str, ...]:
    """The groups of rows that lack times of the other groups, where at least half of the groups lack none."""
    if not others or not set(others) <= set(frame.columns):
        return ()
    groups = frame.select(others).n_unique()
    # repeated rows are found by another check
    if frame.height == groups * len(times.spans):
        return ()
    counts = frame.select(*others, times.column).unique().group_by(others, maintain_order=True).len()
    incomplete = counts.filter(pl.col("len") < len(times.spans))
    if not incomplete.height or 2 * incomplete.height > groups:
        return ()
    return tuple(
        f"{', '.join(f'{name} {value}' for name, value in zip(others, row, strict=False))} "
        f"({row[-1]} of {len(times.spans)})"
        for row in incomplete.rows()
    )


def _hour_start(moment: datetime, zone: tzinfo) -> datetime:
    # the hours of some zones begin in the middle of an hour of UTC
    local = moment.astimezone(zone)
    return moment - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
