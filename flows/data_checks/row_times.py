"""The times of a table's rows, parsed from the text of one column."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

_OFFSET = r"(?: ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?"
_CLOCK = r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,]\d+)?)?)?"
_ISO = re.compile(rf"(\d{{4}})[-/](\d\d)(?:[-/](\d\d)(?:[T ]{_CLOCK})?{_OFFSET})?")
# digits alone are times only in these centuries: epoch numbers and identifiers are as long
_DIGITS = re.compile(rf"((?:19|20)\d\d)(\d\d)(\d\d)(?:[T ]?(\d\d)(?::?(\d\d)(?::?(\d\d))?)?)?{_OFFSET}")
_SLASHES = re.compile(
    r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})"
    r"(?:,?[T ]+(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?(?: ?([AaPp])\.?[Mm]\.?)?)?"
)
# converting the first and the last hours of the calendar to another zone fails
_FIRST_YEAR, _LAST_YEAR = 1, 9999
_HALF_DAY_HOURS = 12

Precision = Literal["time", "day", "month"]
Span = tuple[datetime, datetime]
"""The first moment of a value and the first one after it (UTC); the same for a point in time."""


@dataclass(frozen=True)
class RowTimes:
    """The times in one column of a table.

    Attributes:
        column: The name of the column.
        spans: The spans of each distinct text: two where a local time occurs twice.
        precision: What the texts contain: a time of day, a date, or a month.
        zone: The offset of the first text, or the zone that was assumed.
    """

    column: str
    spans: Mapping[str, tuple[Span, ...]]
    precision: Precision
    zone: tzinfo

    @property
    def moments(self) -> set[datetime]:
        """The first moments (UTC) of all values."""
        return {start for spans in self.spans.values() for start, _ in spans}

    def texts_within(self, start: datetime, end: datetime) -> set[str]:
        """The texts of which a moment lies in `start <= moment < end`."""
        return {
            text
            for text, spans in self.spans.items()
            if any(first < end and (start < after or start == first) for first, after in spans)
        }

    def texts_at(self, moment: datetime) -> set[str]:
        """The texts of which a first moment is this one."""
        return {text for text, spans in self.spans.items() if any(first == moment for first, _ in spans)}

    def lie_in(self, window: Span) -> bool:
        """Whether all values lie in the window or at its end."""
        return self.spans.keys() == self.texts_within(*window) | self.texts_at(window[1])


class _Written(NamedTuple):
    """A time as it is written; `offset` is None for local time."""

    clock: datetime
    offset: timezone | None
    precision: Precision


def row_times(
    frame: pl.DataFrame, names: Iterable[str], zone: ZoneInfo | None, window: Span | None = None
) -> RowTimes | None:
    """The times in the first of these columns whose values all are times; None where there is none.

    ISO 8601 is parsed, with and without separators, and dates written `1/31/2024` or `31.1.2024`, with
    `24:00` and AM or PM. Numbers are no times. Times without an offset are local times of the zone. Given a
    window, they are UTC where all of them lie in it then and not otherwise, since some services are asked for
    local days and write times in UTC; the order of day and month is the one that puts more in the window; and
    times that all are midnight in UTC are dates where that puts more in it.

    Args:
        frame: The table.
        names: The columns to try, in order.
        zone: The zone of times without an offset; without it, columns of such times are skipped.
        window: The window that was asked for.
    """
    for name in names:
        if name in frame.columns and frame[name].dtype == pl.String:
            readings = list(_readings(name, frame[name], zone))
            if readings and window:
                return _likeliest(readings, frame[name], window)
            if readings:
                return readings[0]
    return None


def _likeliest(readings: Sequence[RowTimes], column: pl.Series, asked: Span) -> RowTimes:
    # in UTC: Python takes a time that occurs twice for unequal to any time of another zone
    window = (asked[0].astimezone(UTC), asked[1].astimezone(UTC))
    local = max(readings, key=lambda times: len(times.texts_within(*window)))
    if local.lie_in(window):
        return local
    in_utc = (times for times in _readings(local.column, column, UTC) if times.precision == "time")
    return next((times for times in in_utc if times.lie_in(window)), local)


def _readings(name: str, column: pl.Series, zone: tzinfo | None) -> Iterator[RowTimes]:
    """The ways in which a column can be read as times, the most common one first."""
    present = column.drop_nulls()
    # most columns of text are told from times by their first value
    if not present.len() or not any(parse(present[0].strip()) for parse in _PARSERS):
        return
    texts = [text for text in present.unique(maintain_order=True).to_list() if text.strip()]
    for parse in _PARSERS:
        written = _all_written(texts, parse)
        if written is None:
            continue
        is_local = any(each.offset is None for each in written.values())
        if is_local and zone is None:
            continue
        # a column that holds any time of day holds no dates
        precision = min((each.precision for each in written.values()), key=_PRECISIONS.index)
        assumed = zone or UTC
        spans = {text: _spans(each, assumed, precision) for text, each in written.items()}
        yield RowTimes(name, spans, precision, next(iter(written.values())).offset or assumed)
        if zone and precision == "time" and all(map(_is_midnight_utc, written.values())):
            dates = {text: _spans(each._replace(offset=None), zone, "day") for text, each in written.items()}
            yield RowTimes(name, dates, "day", zone)


def _is_midnight_utc(written: _Written) -> bool:
    """Whether a time may be a date, which many services write as `2024-01-01T00:00:00Z`."""
    is_utc = written.offset is not None and not written.offset.utcoffset(None)
    return is_utc and written.clock.time() == time.min


def _all_written(texts: Iterable[str], parse: Callable[[str], _Written | None]) -> dict[str, _Written] | None:
    found: dict[str, _Written] = {}
    for text in texts:
        written = parse(text.strip())
        if written is None:
            return None
        found[text] = written
    return found or None


def _spans(written: _Written, zone: tzinfo, precision: Precision) -> tuple[Span, ...]:
    start = written.clock.replace(tzinfo=written.offset or zone)
    if precision == "time":
        first = start.astimezone(UTC)
        # a local time that occurs twice may be either of the two
        second = first if written.offset else start.replace(fold=1).astimezone(UTC)
        return ((first, first),) if first == second else ((first, first), (second, second))
    following = start + timedelta(days=1)
    if precision == "month":
        following = (start.replace(day=1) + timedelta(days=31)).replace(day=1)
    return ((start.astimezone(UTC), following.astimezone(UTC)),)


def _iso(text: str) -> _Written | None:
    found = _ISO.fullmatch(text) or _DIGITS.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, offset = found.groups()
    precision: Precision = "time" if hour else "day" if day else "month"
    return _written((year, month, day or 1), (hour, minute, second), offset, precision)


def _month_first(text: str) -> _Written | None:
    return _with_slashes(text, is_month_first=True)


def _day_first(text: str) -> _Written | None:
    return _with_slashes(text, is_month_first=False)


def _with_slashes(text: str, *, is_month_first: bool) -> _Written | None:
    found = _SLASHES.fullmatch(text)
    if found is None:
        return None
    one, _, other, year, hour, minute, second, half = found.groups()
    month, day = (one, other) if is_month_first else (other, one)
    if half and hour:
        hour = str(int(hour) % _HALF_DAY_HOURS + (_HALF_DAY_HOURS if half in "Pp" else 0))
    return _written((year, month, day), (hour, minute, second), None, "time" if hour else "day")


def _written(
    date: tuple[str, str, str | int],
    clock: tuple[str | None, str | None, str | None],
    offset: str | None,
    precision: Precision,
) -> _Written | None:
    year, month, day = map(int, date)
    hour, minute, second = (int(part or 0) for part in clock)
    # 24:00 is the end of the day
    is_day_end = (hour, minute, second) == (24, 0, 0)
    if not _FIRST_YEAR < year < _LAST_YEAR:
        return None
    try:
        moment = datetime(year, month, day, 0 if is_day_end else hour, minute, second)  # noqa: DTZ001 - local
        return _Written(moment + timedelta(days=is_day_end), _timezone(offset), precision)
    except ValueError:
        return None


@cache
def _timezone(offset: str | None) -> timezone | None:
    if offset is None:
        return None
    if offset in {"Z", "UTC", "GMT"}:
        return UTC
    digits = offset[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-size if offset[0] == "-" else size)


_PRECISIONS: tuple[Precision, ...] = ("time", "day", "month")
_PARSERS = (_iso, _month_first, _day_first)
