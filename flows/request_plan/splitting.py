"""A range of days as parts of like length that have no hour, day, month or year in common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from flows.api_config import ApiConfig, Dates


def parts_of_days(
    apis: Iterable[ApiConfig], first: date, last: date, count: int
) -> tuple[tuple[date, date], ...]:
    """The first and the last day of each part, in the order of time.

    Parts meet where all APIs' units do: with one that is asked by the month, at the first of a
    month, so that no object is made of two parts.

    Args:
        apis: Those that are to be asked for the days.
        first: The first day.
        last: The last day, inclusive.
        count: How many parts to make; fewer where there are not so many places to part.
    """
    units = {(api.dates or Dates()).unit for api in apis}
    days = (first + timedelta(days=number) for number in range(1, (last - first).days + 1))
    if "year" in units:
        starts = [first, *(day for day in days if (day.month, day.day) == (1, 1))]
    elif "month" in units:
        starts = [first, *(day for day in days if day.day == 1)]
    else:
        starts = [first, *days]
    parts = min(count, len(starts))
    begins = [starts[number * len(starts) // parts] for number in range(parts)]
    ends = [begin - timedelta(days=1) for begin in begins[1:]]
    return tuple(zip(begins, [*ends, last], strict=True))
