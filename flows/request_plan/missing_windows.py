"""Dates that are not stored yet as windows to ask for, none of which overlaps an object that is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flows.api_config import ApiConfig, units_at_once
from flows.request_plan.windows import Window


@dataclass(frozen=True)
class StoredSpan:
    """What one object in the bucket holds.

    Attributes:
        start: Its first moment (UTC), which names it.
        end: The first moment after it (UTC).
        known_until: Up to when what it holds is final (UTC).
    """

    start: datetime
    end: datetime
    known_until: datetime


def missing_windows(
    api: ApiConfig,
    units: Sequence[Window],
    spans: Sequence[StoredSpan],
    asked_for: tuple[datetime, datetime],
    *,
    force: bool = False,
) -> tuple[tuple[Window, ...], int]:
    """The units that are not stored yet, as windows of at most `max_window` of them.

    An object that holds one of them is collected anew as a whole, so that nothing it holds is lost when its
    successor takes its place, and no unit is in two objects; units that follow it may join it.

    Args:
        api: The API.
        units: In the order of time; also those that such an object holds beside what is asked for.
        spans: What is stored of them, in the order of time.
        asked_for: The first moment of what is asked for, and the first after it.
        force: Whether to collect also what is stored.

    Returns:
        The windows, and how many of the units asked for need not be collected.
    """
    since, until = (moment.astimezone(UTC) for moment in asked_for)
    owned = list(_with_owners(units, spans))
    is_asked_for = [since <= unit.start.astimezone(UTC) < until for unit in units]
    anew = {
        owner.start
        for (unit, owner), is_asked in zip(owned, is_asked_for, strict=True)
        if owner and is_asked and (force or owner.known_until < unit.end.astimezone(UTC))
    }
    most = units_at_once(api)
    windows: list[Window] = []
    already_stored = 0
    for (unit, owner), is_asked in zip(owned, is_asked_for, strict=True):
        if owner and owner.start in anew:
            _append(windows, unit, most, names_object=unit.start.astimezone(UTC) == owner.start)
        elif is_asked and owner:
            already_stored += unit.units
        elif is_asked:
            _append(windows, unit, most)
    return tuple(windows), already_stored


def _with_owners(
    units: Iterable[Window], spans: Sequence[StoredSpan]
) -> Iterator[tuple[Window, StoredSpan | None]]:
    """Each unit with the object that holds it, if one does."""
    position = 0
    for unit in units:
        start, end = unit.start.astimezone(UTC), unit.end.astimezone(UTC)
        while position < len(spans) and spans[position].end <= start:
            position += 1
        owner = spans[position] if position < len(spans) else None
        yield unit, owner if owner and owner.start <= start and end <= owner.end else None


def _append(windows: list[Window], unit: Window, most: int, *, names_object: bool = False) -> None:
    last = windows[-1] if windows and not names_object else None
    if last and last.is_followed_by(unit) and last.units + unit.units <= most:
        windows[-1] = last.joined_with(unit)
    else:
        windows.append(unit)
