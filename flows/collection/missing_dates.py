"""Which past dates of an API the bucket does not have yet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from flows.api_config import ApiConfig, Dates, units_at_once
from flows.object_store import ObjectStore
from flows.request_plan import (
    StoredSpan,
    Window,
    current_window,
    missing_windows,
    units_asked_for,
    window_stamp,
)

_LOOKS_AT_ONCE = 16


@dataclass(frozen=True)
class DatesToCollect:
    """What a backfill has to do for one API.

    Attributes:
        api: The API.
        already_stored: How many of the hours, days, months or years asked for need not be collected.
        windows: Those that are to be collected, in the order of time.
    """

    api: ApiConfig
    already_stored: int
    windows: tuple[Window, ...] = field(repr=False)

    @property
    def missing(self) -> int:
        """How many hours, days, months or years are to be collected."""
        return sum(window.units for window in self.windows)

    @property
    def planned(self) -> int:
        """How many there are in all; an object that reaches beyond what was asked for is collected whole."""
        return self.already_stored + self.missing


def dates_to_collect(
    api: ApiConfig, first: date, last: date, now: datetime, store: ObjectStore, *, force: bool = False
) -> DatesToCollect:
    """The dates of an API that are not stored yet; all of them where `force` says so.

    What was stored before its hour, day, month or year was over, and had settled, is collected again.

    Args:
        api: An API that can be asked for these days (`refused_dates` says whether).
        first: The first day, by the calendar of its zone.
        last: The last day, inclusive.
        now: What begins after it is left out.
        store: Where its objects are.
        force: Whether to collect also what is stored.

    Raises:
        StorageError: Where the bucket cannot be asked.
    """
    dates = api.dates or Dates()
    units = units_asked_for(api, first, last, now)
    if not units:
        return DatesToCollect(api, 0, ())
    spans = _stored_spans(api, dates, units, store)
    asked_for = (units[0].start.astimezone(UTC), units[-1].end.astimezone(UTC))
    if spans and (spans[0].start < asked_for[0] or spans[-1].end > asked_for[1]):
        # an object reaches beyond what is asked for
        zone = ZoneInfo(dates.timezone)
        first = min(first, spans[0].start.astimezone(zone).date())
        last = max(last, spans[-1].end.astimezone(zone).date())
        units = units_asked_for(api, first, last, now)
    windows, already_stored = missing_windows(api, units, spans, asked_for, force=force)
    return DatesToCollect(api, already_stored, windows)


def _stored_spans(
    api: ApiConfig, dates: Dates, units: tuple[Window, ...], store: ObjectStore
) -> tuple[StoredSpan, ...]:
    """What the API's objects hold of some units, in the order of time."""
    most = units_at_once(api)
    earliest = units[0]
    if most > 1:
        # one that begins before them may reach into them
        longest = max(unit.end.astimezone(UTC) - unit.start.astimezone(UTC) for unit in units) * most
        earliest = current_window(dates, units[0].start.astimezone(UTC) - longest)
    stamps = (window_stamp(earliest, dates.unit), window_stamp(units[-1], dates.unit))
    found = store.dated(api.output_folder, api.csv_prefix, stamps, api.outputs)
    settling = timedelta(days=dates.settled_after_days)
    if most == 1:
        return tuple(
            StoredSpan(unit.start.astimezone(UTC), unit.end.astimezone(UTC), each.stored_at - settling)
            for unit in units
            if (each := found.get(window_stamp(unit, dates.unit)))
        )
    with ThreadPoolExecutor(_LOOKS_AT_ONCE) as threads:
        # how long it is stands in its metadata, which a listing does not show
        held = list(threads.map(store.dates_in, (each.key for each in found.values())))
    spans = (
        StoredSpan(dates_held.start, dates_held.end, dates_held.collected_at - settling)
        for dates_held in held
        if dates_held and dates_held.end > units[0].start.astimezone(UTC)
    )
    return tuple(sorted(spans, key=lambda span: span.start))
