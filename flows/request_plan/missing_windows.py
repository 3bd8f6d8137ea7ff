"""The windows that are not stored yet, none of which overlaps a stored object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flows.api_config import ApiConfig, units_at_once
from flows.request_plan.windows import Window


@dataclass(frozen=True)
class StoredSpan:
    """The time span of one object in the bucket.

    Attributes:
        start: The first moment (UTC), after which the object is named.
        end: The first moment after it (UTC).
        known_until: The moment (UTC) up to which its data is final.
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
    """The units that are not stored yet, joined to windows of at most `max_window` units.

    Where a unit of a stored object is to be collected again, all units of the object are, since the new
    object replaces the old one. Units that follow may be joined to them. No unit is in two objects.

    Args:
        api: The API.
        units: Windows of one unit each, in order of time, including all units of the stored objects.
        spans: The stored objects, in order of time.
        asked_for: The first moment of the range asked for, and the first moment after it.
        force: Whether to collect stored units too.

    Returns:
        The windows, and the number of units in the range that need not be collected.
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
    """Each unit, and the stored object that contains it, if any."""
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
