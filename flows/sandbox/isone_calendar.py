"""Days of the ISO's market in Eastern time; 23 or 25 hours long when daylight saving time begins or ends."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")


def midnight(day: date) -> datetime:
    """The start of a market day."""
    return datetime.combine(day, time(), EASTERN)


def market_hours(day: date) -> list[datetime]:
    """The start of each hour of a day in order: 24, or 23 in spring and 25 in autumn."""
    hour, end = midnight(day).astimezone(UTC), midnight(day + timedelta(days=1)).astimezone(UTC)
    hours = []
    while hour < end:
        hours.append(hour.astimezone(EASTERN))
        hour += timedelta(hours=1)
    return hours


def timestamp(moment: datetime) -> str:
    """A time as the ISO's API writes it: `2024-03-10T01:00:00.000-05:00`."""
    return moment.isoformat(timespec="milliseconds")


def dice(what: str, day: date) -> random.Random:
    """A random generator seeded with a dataset and a day, so that every process makes the same data."""
    return random.Random(f"{what} {day.isoformat()}")  # noqa: S311 - plausible data, not secrets
