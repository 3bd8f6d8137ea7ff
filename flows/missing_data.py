"""Which past dates of an API the bucket does not have yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from flows.api_config import ApiConfig, Dates
from flows.object_store import ObjectStore, object_key
from flows.request_plan import (
    Window,
    current_window,
    missing_windows,
    units_asked_for,
    window_stamp,
)


@dataclass(frozen=True)
class DatesToCollect:
    """What a backfill has to do for one API.

    Attributes:
        api: The API.
        planned: How many hours, days, months or years were asked for.
        windows: Those that are to be collected, in the order of time.
    """

    api: ApiConfig
    planned: int
    windows: tuple[Window, ...] = field(repr=False)

    @property
    def already_stored(self) -> int:
        """How many of those asked for need not be collected."""
        return self.planned - sum(window.units for window in self.windows)


def dates_to_collect(
    api: ApiConfig, first: date, last: date, now: datetime, store: ObjectStore, *, force: bool = False
) -> DatesToCollect:
    """The dates of an API that are not stored yet; all of them where `force` says so.

    What was stored before its hour, day, month or year was over is collected again.

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
    units = units_asked_for(api, first, last, now)
    is_stored = (lambda _: False) if force or not units else _stored_units(api, units, store)
    return DatesToCollect(api, sum(unit.units for unit in units), missing_windows(api, units, is_stored))


def _stored_units(api: ApiConfig, units: tuple[Window, ...], store: ObjectStore) -> Callable[[Window], bool]:
    dates = api.dates or Dates()
    if dates.max_window == 1:
        first, last = (window_stamp(window, dates.unit) for window in (units[0], units[-1]))
        stored_at = store.dated(api.output_folder, api.csv_prefix, (first, last), api.outputs)

        def is_stored(unit: Window) -> bool:
            moment = stored_at.get(window_stamp(unit, dates.unit))
            return moment is not None and moment >= unit.end.astimezone(UTC)

        return is_stored
    spans = tuple(_stored_spans(api, dates, units, store))

    def is_within_an_object(unit: Window) -> bool:
        start, end = unit.start.astimezone(UTC), unit.end.astimezone(UTC)
        return any(since <= start and end <= min(until, stored_at) for since, until, stored_at in spans)

    return is_within_an_object


def _stored_spans(
    api: ApiConfig, dates: Dates, units: tuple[Window, ...], store: ObjectStore
) -> Iterator[tuple[datetime, datetime, datetime]]:
    """First moment, end, and time of storing of each object that may hold some of the units."""
    # one that begins before them may reach into them
    longest = max(unit.end - unit.start for unit in units) * dates.max_window
    earliest = current_window(dates, units[0].start - longest)
    stamps = (window_stamp(earliest, dates.unit), window_stamp(units[-1], dates.unit))
    for stamp, stored_at in store.dated(api.output_folder, api.csv_prefix, stamps, api.outputs).items():
        # how long it is stands in its metadata, which a listing does not show
        span = store.dates_in(object_key(api.output_folder, api.csv_prefix, stamp, _first_extension(api)))
        if span:
            yield span[0].astimezone(UTC), span[1].astimezone(UTC), stored_at


def _first_extension(api: ApiConfig) -> str:
    return f"raw.{api.format}" if api.outputs[0] == "raw" else api.outputs[0]
