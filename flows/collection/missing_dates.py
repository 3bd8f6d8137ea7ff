"""Which past windows of an API are not stored yet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from flows.api_config import ApiConfig, Dates, units_at_once
from flows.collection.stored_values import keys_without_some_values
from flows.object_store import ObjectStore
from flows.object_store.dated_objects import DatedObject
from flows.request_plan import (
    StoredSpan,
    Window,
    current_window,
    missing_windows,
    units_asked_for,
    window_stamp,
)

_LOOKS_AT_ONCE = 16
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class DatesToCollect:
    """The windows that a backfill has to collect of one API.

    Attributes:
        api: The API.
        already_stored: How many of the units asked for need not be collected.
        windows: The windows to collect, in the order of time.
    """

    api: ApiConfig
    already_stored: int
    windows: tuple[Window, ...] = field(repr=False)

    @property
    def missing(self) -> int:
        """How many units are to be collected."""
        return sum(window.units for window in self.windows)

    @property
    def planned(self) -> int:
        """How many units there are in all, with those of objects that reach beyond the range asked for."""
        return self.already_stored + self.missing


def dates_to_collect(
    api: ApiConfig, first: date, last: date, now: datetime, store: ObjectStore, *, force: bool = False
) -> DatesToCollect:
    """The windows of an API that are not stored yet, or with `force` all of them.

    A window that was stored before it was over and its data had settled is collected again. So are the
    units of a longer window that had no row: its object spans the units from the first to the last one with
    a row, and its metadata name those between them without one. Metadata are read only where `max_window`
    allows several units; an object of one unit has a row of it.

    Args:
        api: An API that can be asked for these days (see `refused_dates`).
        first: The first day, by the calendar of its zone.
        last: The last day, inclusive.
        now: Windows that begin later are left out.
        store: The bucket.
        force: Whether to collect windows again that are stored.

    Raises:
        StorageError: The bucket cannot be listed.
    """
    dates = api.dates or Dates()
    units = units_asked_for(api, first, last, now)
    if not units:
        return DatesToCollect(api, 0, ())
    spans = _stored_spans(api, dates, units, store)
    asked_for = (units[0].start.astimezone(UTC), units[-1].end.astimezone(UTC))
    if spans and (spans[0].start < asked_for[0] or spans[-1].end > asked_for[1]):
        # an object reaches beyond the range that is asked for
        zone = ZoneInfo(dates.timezone)
        first = min(first, spans[0].start.astimezone(zone).date())
        last = max(last, spans[-1].end.astimezone(zone).date())
        units = units_asked_for(api, first, last, now)
    windows, already_stored = missing_windows(api, units, spans, asked_for, force=force)
    return DatesToCollect(api, already_stored, windows)


def _stored_spans(
    api: ApiConfig, dates: Dates, units: tuple[Window, ...], store: ObjectStore
) -> tuple[StoredSpan, ...]:
    """The spans of time that the API's objects hold, as far as they overlap these units, in order."""
    most = units_at_once(api)
    earliest = units[0]
    if most > 1:
        # an object that begins before the units may overlap them
        longest = max(unit.end.astimezone(UTC) - unit.start.astimezone(UTC) for unit in units) * most
        earliest = current_window(dates, units[0].start.astimezone(UTC) - longest)
    stamps = (window_stamp(earliest, dates.unit), window_stamp(units[-1], dates.unit))
    found = store.dated(api.output_folder, api.csv_prefix, stamps, api.outputs)
    settling = timedelta(days=dates.settled_after_days)
    incomplete = keys_without_some_values(api, found.values(), store)

    def known_until(stored: DatedObject, moment: datetime) -> datetime:
        return _NEVER if stored.key in incomplete else moment - settling

    if most == 1:
        return tuple(
            StoredSpan(
                unit.start.astimezone(UTC), unit.end.astimezone(UTC), known_until(each, each.stored_at)
            )
            for unit in units
            if (each := found.get(window_stamp(unit, dates.unit)))
        )
    with ThreadPoolExecutor(_LOOKS_AT_ONCE) as threads:
        # the length of a window is in the metadata, which a listing does not show
        held = list(threads.map(store.dates_in, (each.key for each in found.values())))
    spans = (
        StoredSpan(
            dates_held.start,
            dates_held.end,
            known_until(each, dates_held.collected_at),
            dates_held.without_rows,
        )
        for each, dates_held in zip(found.values(), held, strict=True)
        if dates_held and dates_held.end > units[0].start.astimezone(UTC)
    )
    return tuple(sorted(spans, key=lambda span: span.start))
