"""Windows: the hour, day, month or year that a dated request asks for, by the calendar of a time zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from flows.api_config import Dates, Unit

_STAMPS = {"hour": "%Y%m%d%H", "day": "%Y%m%d", "month": "%Y%m", "year": "%Y"}
# as in ISO New England's own reports, for the hour that occurs twice when DST ends
_REPEATED_HOUR = "X"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Window:
    """One unit or several consecutive units, in the time zone of the API.

    Attributes:
        start: The first moment.
        end: The first moment after it.
        last: The start of the last unit; `start` for a window of one unit.
        units: The number of units.
    """

    start: datetime
    end: datetime
    last: datetime
    units: int = 1

    def is_followed_by(self, other: Window) -> bool:
        """Whether `other` begins where this window ends."""
        return self.end.astimezone(UTC) == other.start.astimezone(UTC)

    def joined_with(self, other: Window) -> Window:
        """This window and `other`, which follows it, as one window."""
        return Window(self.start, other.end, other.last, self.units + other.units)


def current_window(dates: Dates, now: datetime) -> Window:
    """The window of one unit that contains `now`, by the calendar of the API's time zone.

    A day has 23 or 25 hours when the clocks change, and begins at 01:00 where DST starts at midnight.
    An hour has 60 minutes; the one that the clock shows twice is two windows.
    """
    # through UTC, since `now` may be a local time that does not exist
    local = now.astimezone(UTC).astimezone(ZoneInfo(dates.timezone))
    start = _unit_start(local, dates.unit)
    return Window(start, _next_start(start, dates.unit), start)


def windows_of_days(dates: Dates, first: date, last: date) -> Iterator[Window]:
    """The windows of one unit each that overlap a range of days, in order of time.

    Args:
        dates: The unit and the time zone.
        first: The first day, by the calendar of the zone.
        last: The last day, inclusive.
    """
    zone = ZoneInfo(dates.timezone)
    end = _midnight(last + timedelta(days=1), zone)
    window = current_window(dates, _midnight(first, zone))
    # in UTC: Python compares times of one zone by their local time
    while window.start.astimezone(UTC) < end.astimezone(UTC):
        yield window
        window = Window(window.end, _next_start(window.end, dates.unit), window.end)


def units_of(window: Window, dates: Dates) -> tuple[Window, ...]:
    """The windows of one unit each that a window consists of, in order of time."""
    units = [Window(window.start, _next_start(window.start, dates.unit), window.start)]
    while units[-1].end.astimezone(UTC) < window.end.astimezone(UTC):
        start = units[-1].end
        units.append(Window(start, _next_start(start, dates.unit), start))
    return tuple(units)


def window_stamp(window: Window, unit: Unit) -> str:
    """The date in an object's name: `YYYYMMDDHH`, `YYYYMMDD`, `YYYYMM` or `YYYY`.

    When DST ends, the hour that occurs twice is `…01` the first time and `…01X` the second time.
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
            return _as_shown(start.astimezone(UTC) + _HOUR, start.tzinfo)
        case "day":
            return _midnight(day + timedelta(days=1), start.tzinfo)
        case "month":
            following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
            return _midnight(following, start.tzinfo)
        case "year":
            return _midnight(date(day.year + 1, 1, 1), start.tzinfo)


def _hour_start(local: datetime) -> datetime:
    past_the_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return _as_shown(local.astimezone(UTC) - past_the_hour, local.tzinfo)


def _midnight(day: date, zone: tzinfo | None) -> datetime:
    """The start of a day, which is not 00:00 where DST starts at midnight."""
    return _as_shown(datetime(day.year, day.month, day.day, tzinfo=zone), zone)


def _as_shown(moment: datetime, zone: tzinfo | None) -> datetime:
    """A moment as local time; a local time that does not exist becomes the one that the clock skips to."""
    return moment.astimezone(UTC).astimezone(zone)
