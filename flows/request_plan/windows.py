"""Stretches of time by the calendar of a zone: what an API is asked for, and what objects are named by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from flows.api_config import Dates, Unit

_STAMPS = {"hour": "%Y%m%d%H", "day": "%Y%m%d", "month": "%Y%m", "year": "%Y"}
# what the ISO's own reports write at the hour that an autumn day has twice
_REPEATED_HOUR = "X"
_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)


@dataclass(frozen=True)
class Window:
    """A stretch of time an API is asked for, in the zone its data lives in.

    Attributes:
        start: Its first moment.
        end: The first moment after it.
        last: Where its last unit starts; `start` where it is one unit long.
        units: How many hours, days, months or years it is long.
    """

    start: datetime
    end: datetime
    last: datetime
    units: int = 1

    def is_followed_by(self, other: Window) -> bool:
        """Whether another one begins where this one ends."""
        return self.end.astimezone(UTC) == other.start.astimezone(UTC)

    def joined_with(self, other: Window) -> Window:
        """Both as one, where the other follows."""
        return Window(self.start, other.end, other.last, self.units + other.units)


def current_window(dates: Dates, now: datetime) -> Window:
    """The one hour, day, month or year that holds a moment, by the calendar of the API's zone.

    A day is as long as it is there: 23 or 25 hours when the clocks change, and where they are put
    forward at midnight it begins at 01:00.

    An hour begins where the clock shows a full one, or leaps over it. So an hour that is shown twice
    is two; and where clocks change by half an hour or between full hours, one is shorter or longer:
    Australia/Lord_Howe has one from 02:30 to 03:00 in spring and one of an hour and a half from 01:00
    in autumn, Pacific/Chatham one from 03:45 to 04:00 in spring. Each is named and asked for by the
    clock time it begins at, and ends where the next begins.
    """
    # through UTC, as a clock time that does not exist may come in
    local = now.astimezone(UTC).astimezone(ZoneInfo(dates.timezone))
    start = _unit_start(local, dates.unit)
    return Window(start, _next_start(start, dates.unit), start)


def windows_of_days(dates: Dates, first: date, last: date) -> Iterator[Window]:
    """Every hour, day, month or year that has a part in some days, in order, one unit each.

    Args:
        dates: The unit and the zone.
        first: The first of the days, by the calendar of the zone.
        last: The last of them, inclusive.
    """
    zone = ZoneInfo(dates.timezone)
    end = _midnight(last + timedelta(days=1), zone)
    window = current_window(dates, _midnight(first, zone))
    # as moments: aware times of one zone are compared by their clocks
    while window.start.astimezone(UTC) < end.astimezone(UTC):
        yield window
        window = Window(window.end, _next_start(window.end, dates.unit), window.end)


def window_stamp(window: Window, unit: Unit) -> str:
    """The part of an object's name that its data's date gives: `YYYYMMDDHH`, `YYYYMMDD`, `YYYYMM`, `YYYY`.

    The hour that an autumn day has twice is `…01` at first and `…01X` when it comes again.
    """
    stamp = window.start.strftime(_STAMPS[unit])
    return stamp + _REPEATED_HOUR if unit == "hour" and window.start.fold else stamp


def _unit_start(local: datetime, unit: Unit) -> datetime:
    match unit:
        case "hour":
            return _hour_start(local)
        case "day":
            return _midnight(local.date(), local.tzinfo)
        case "month":
            return _midnight(local.date().replace(day=1), local.tzinfo)
        case "year":
            return _midnight(local.date().replace(month=1, day=1), local.tzinfo)


def _next_start(start: datetime, unit: Unit) -> datetime:
    day = start.date()
    match unit:
        case "hour":
            return _next_hour(start)
        case "day":
            return _midnight(day + timedelta(days=1), start.tzinfo)
        case "month":
            following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
            return _midnight(following, start.tzinfo)
        case "year":
            return _midnight(date(day.year + 1, 1, 1), start.tzinfo)


def _hour_start(local: datetime) -> datetime:
    moment = local.astimezone(UTC)
    start = (moment - _past_the_hour(local)).astimezone(local.tzinfo)
    if start.utcoffset() == local.utcoffset():
        return start
    moment = moment.replace(second=0, microsecond=0)
    while not _begins_hour(moment, local.tzinfo):
        moment -= _MINUTE
    return moment.astimezone(local.tzinfo)


def _next_hour(start: datetime) -> datetime:
    moment = start.astimezone(UTC)
    following = (moment + _HOUR - _past_the_hour(start)).astimezone(start.tzinfo)
    if following.utcoffset() == start.utcoffset():
        return following
    moment += _MINUTE
    while not _begins_hour(moment, start.tzinfo):
        moment += _MINUTE
    return moment.astimezone(start.tzinfo)


def _begins_hour(moment: datetime, zone: tzinfo | None) -> bool:
    """Whether the clock shows a full hour, or has leapt over one since the minute before."""
    shown, before = moment.astimezone(zone), (moment - _MINUTE).astimezone(zone)
    # aware times of one zone are compared by their clocks
    return shown.minute == 0 or shown - _past_the_hour(shown) > before


def _past_the_hour(local: datetime) -> timedelta:
    return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def _midnight(day: date, zone: tzinfo | None) -> datetime:
    """Where a day begins: not at 00:00 where clocks are put forward at midnight."""
    return _as_shown(datetime(day.year, day.month, day.day, tzinfo=zone))


def _as_shown(local: datetime) -> datetime:
    """The same moment as the zone's clock shows it; a time that the clock leaps over, where it lands."""
    return local.astimezone(UTC).astimezone(local.tzinfo)
