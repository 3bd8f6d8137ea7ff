"""Days of the ISO's market: Eastern prevailing time, with 23 or 25 hours when the clocks change."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")


def midnight(day: date) -> datetime:
    """The start of a market day."""
    return datetime.combine(day, time(), EASTERN)


def market_hours(day: date) -> list[datetime]:
    """The starts of a day's hours in order: 24, or 23 in spring and 25 in autumn."""
    hour, end = midnight(day).astimezone(UTC), midnight(day + timedelta(days=1)).astimezone(UTC)
    hours = []
    while hour < end:
        hours.append(hour.astimezone(EASTERN))
        hour += timedelta(hours=1)
    return hours


def timestamp(moment: datetime) -> str:
    """As the ISO's API writes times: `2024-03-10T01:00:00.000-05:00`."""
    return moment.isoformat(timespec="milliseconds")


def dice(what: str, day: date) -> random.Random:
    """Randomness that is the same for a dataset's day in every process."""
    return random.Random(f"{what} {day.isoformat()}")  # noqa: S311 - plausible data, not secrets
