"""Finds hours that are missing in a table, by the calendar of its zone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

_HOUR = timedelta(hours=1)
# a year has 8,784 hours; more times are no hourly series in one response
_MAX_MOMENTS = 20_000
_FORMATS = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M")
_FIRST_YEAR, _LAST_YEAR = 1, 9999
# fewer do not make an hourly series
_MIN_HOURS = 3


def missing_hours(
    frame: pl.DataFrame,
    key_columns: Iterable[str],
    zone: ZoneInfo | None,
    expected: tuple[datetime, datetime] | None,
) -> tuple[str, list[datetime]] | None:
    """Return the column of an hourly series and its hours without a row; None where there is no series.

    A column of times counts as an hourly series where it identifies rows, or all its times are on
    the hour; and where at least half the hours of its range are there, which excludes days, months and
    events.

    Args:
        frame: The table.
        key_columns: The columns that identify a row; may be empty.
        zone: The zone of times without an offset, and of the hours returned.
        expected: The first hour and the end of the hours that must be there; by default the column's range.
    """
    keys = list(key_columns)
    names = keys + [name for name in frame.columns if name not in keys]
    for name in names:
        if name not in frame.columns or frame[name].dtype != pl.String:
            continue
        moments = _moments(frame[name], zone)
        if moments is None or not (name in keys or all(_is_on_the_hour(moment) for moment in moments)):
            continue
        hours = {_hour_of(moment) for moment in moments}
        first, end = _range(hours, expected)
        if (end - first) // _HOUR > 2 * len(hours) + 1:
            # too few for an hourly series; a time in the year 1 would make millions of missing hours
            continue
        due = list(_hours_between(first, end))
        missing = [hour for hour in due if hour not in hours]
        if len(hours) >= _MIN_HOURS and 2 * len(missing) <= len(due):
            shown_in = zone or moments[0].tzinfo
            return name, [hour.astimezone(shown_in) for hour in missing]
    return None


def _range(hours: set[datetime], expected: tuple[datetime, datetime] | None) -> tuple[datetime, datetime]:
    first, end = min(hours), max(hours) + _HOUR
    if expected is None or not any(expected[0] <= hour < expected[1] for hour in hours):
        return first, end
    return expected[0].astimezone(UTC), expected[1].astimezone(UTC)


def _hours_between(first: datetime, end: datetime) -> Iterator[datetime]:
    # in a zone half an hour off, a day begins in the middle of an hour of UTC
    hour, end = _hour_of(first), _hour_of(end)
    while hour < end:
        yield hour
        hour += _HOUR


def _moments(column: pl.Series, zone: ZoneInfo | None) -> list[datetime] | None:
    """Return the distinct times of a column; None where it is no column of times."""
    values = column.drop_nulls().unique(maintain_order=True)
    if not 0 < values.len() <= _MAX_MOMENTS:
        return None
    moments = []
    for value in values:
        moment = _moment(value)
        if moment is None or (moment.tzinfo is None and zone is None):
            return None
        if moment.tzinfo:
            moments.append(moment)
        else:
            # a repeated hour looks like one on the clock: neither counts as missing
            moments += [moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    return moments


def _moment(text: str) -> datetime | None:
    # a time has a date, a separator and at least an hour
    if len(text) < len("2024-01-01T00"):
        return None
    found: datetime | None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _american_moment(text)
    # converting the first and the last hours of the calendar to another zone fails
    return found if found and _FIRST_YEAR < found.year < _LAST_YEAR else None


def _american_moment(text: str) -> datetime | None:
    for pattern in _FORMATS:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is added by the caller
        except ValueError:
            continue
    return None


def _is_on_the_hour(moment: datetime) -> bool:
    return not (moment.minute or moment.second or moment.microsecond)


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
