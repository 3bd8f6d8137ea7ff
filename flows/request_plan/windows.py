"""Stretches of time by the calendar of a zone: what an API is asked for, and what objects are named by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from flows.api_config import Dates, Unit

_STAMPS = {"hour": "%Y%m%d%H", "day": "%Y%m%d", "month": "%Y%m", "year": "%Y"}
# what the ISO's own reports write at the hour that an autumn day has twice
_REPEATED_HOUR = "X"


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

    A day is as long as it is there: 23 or 25 hours when the clocks change.
    """
    zone = ZoneInfo(dates.timezone)
    local = now.astimezone(zone)
    if dates.unit == "hour":
        # through UTC, in which the hour that a clock shows twice is two hours
        start = local.replace(minute=0, second=0, microsecond=0)
    else:
        month = 1 if dates.unit == "year" else local.month
        start = datetime(local.year, month, local.day if dates.unit == "day" else 1, tzinfo=zone)
    return Window(start, _next_start(start, dates.unit), start)


def windows_of_days(dates: Dates, first: date, last: date) -> Iterator[Window]:
    """Every hour, day, month or year that has a part in some days, in order, one unit each.

    Args:
        dates: The unit and the zone.
        first: The first of the days, by the calendar of the zone.
        last: The last of them, inclusive.
    """
    zone = ZoneInfo(dates.timezone)
    end = datetime(last.year, last.month, last.day, tzinfo=zone) + timedelta(days=1)
    window = current_window(dates, datetime(first.year, first.month, first.day, tzinfo=zone))
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


def _next_start(start: datetime, unit: Unit) -> datetime:
    match unit:
        case "hour":
            return (start.astimezone(UTC) + timedelta(hours=1)).astimezone(start.tzinfo)
        case "day":
            return start + timedelta(days=1)
        case "month":
            return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        case "year":
            return start.replace(year=start.year + 1)
