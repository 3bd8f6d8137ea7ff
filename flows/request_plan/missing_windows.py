"""The windows that are not stored yet, none of which overlaps a stored object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flows.api_config import ApiConfig, Dates, Unit, units_at_once
from flows.request_plan.windows import Window, window_stamp


@dataclass(frozen=True)
class StoredSpan:
    """The time span of one object in the bucket.

    Attributes:
        start: The first moment (UTC), after which the object is named.
        end: The first moment after it (UTC).
        known_until: The moment (UTC) up to which its data is final.
        without_rows: The first and the last stamp of each range of its units that have no row.
    """

    start: datetime
    end: datetime
    known_until: datetime
    without_rows: tuple[tuple[str, str], ...] = ()

    def spans(self, unit: Window) -> bool:
        """Whether a unit lies between its start and its end."""
        return self.start <= unit.start.astimezone(UTC) and unit.end.astimezone(UTC) <= self.end

    def has_rows_of(self, stamp: str) -> bool:
        """Whether it has a row of the unit with this stamp, which it spans."""
        # stamps of one length sort by time
        return not any(first <= stamp <= last for first, last in self.without_rows)


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
    object replaces the old one. Units that follow may be joined to them. A unit without a row in the object
    that spans it is not stored: it is collected in a window of its own, which leaves that object as it is.
    No unit is in two objects.

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
    owned = list(_with_owners(units, spans, (api.dates or Dates()).unit))
    is_asked_for = [since <= unit.start.astimezone(UTC) < until for unit in units]
    anew = {
        owner.start
        for (unit, owner, is_stored), is_asked in zip(owned, is_asked_for, strict=True)
        if owner and is_stored and is_asked and (force or owner.known_until < unit.end.astimezone(UTC))
    }
    most = units_at_once(api)
    windows: list[Window] = []
    already_stored = 0
    for (unit, owner, is_stored), is_asked in zip(owned, is_asked_for, strict=True):
        if owner and owner.start in anew:
            _append(windows, unit, most, names_object=unit.start.astimezone(UTC) == owner.start)
        elif is_asked and is_stored:
            already_stored += unit.units
        elif is_asked:
            _append(windows, unit, most)
    return tuple(windows), already_stored


def _with_owners(
    units: Iterable[Window], spans: Sequence[StoredSpan], unit_name: Unit
) -> Iterator[tuple[Window, StoredSpan | None, bool]]:
    """Each unit, the stored object that spans it, if any, and whether that object has rows of it."""
    position = 0
    around: list[StoredSpan] = []
    for unit in units:
        start = unit.start.astimezone(UTC)
        while position < len(spans) and spans[position].start <= start:
            around.append(spans[position])
            position += 1
        around = [span for span in around if span.end > start]
        stamp = window_stamp(unit, unit_name)
        # an object that was stored for units without rows in another one begins after that one
        spanning = [span for span in reversed(around) if span.spans(unit)]
        holder = next((span for span in spanning if span.has_rows_of(stamp)), None)
        yield unit, holder or next(iter(spanning), None), holder is not None


def _append(windows: list[Window], unit: Window, most: int, *, names_object: bool = False) -> None:
    last = windows[-1] if windows and not names_object else None
    if last and last.is_followed_by(unit) and last.units + unit.units <= most:
        windows[-1] = last.joined_with(unit)
    else:
        windows.append(unit)
