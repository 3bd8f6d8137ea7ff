"""A range of dates as windows, and those that are still to be collected as batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flows.api_config import ApiConfig, ConfigError, Dates, Problem, is_asked_for_dates
from flows.request_plan.requests import plan_window
from flows.request_plan.windows import Window, window_stamp, windows_of_days

MAX_WINDOWS = 200_000
"""Hours, days, months or years of one API in one backfill: 22 years of hours."""

# an API's batches: few enough that the orchestrator's part takes seconds, enough to keep all threads busy
_BATCHES_OF_AN_API = 24
# within a batch each is compared with the one before it
_LEAST_WINDOWS_OF_A_BATCH = 4


@dataclass(frozen=True)
class WindowBatch:
    """Windows of one API that one task collects, one after the other.

    Attributes:
        api: The API.
        windows: In the order of time.
        number: Which of the API's batches it is, from 1.
    """

    api: ApiConfig
    windows: tuple[Window, ...] = field(repr=False)
    number: int = 1

    @property
    def label(self) -> str:
        """The API and the dates, for people: `Fuel Mix 20240101..20240115`."""
        unit = (self.api.dates or Dates()).unit
        first, last = (window_stamp(window, unit) for window in (self.windows[0], self.windows[-1]))
        return f"{self.api.name} {first}" + (f"..{last}" if last != first else "")

    @property
    def series(self) -> str:
        """What its collections are compared within: their neighbours in time."""
        return str(self.number)


def refused_dates(api: ApiConfig, first: date, last: date, now: datetime) -> str | None:
    """Why an API cannot be asked for these days; None where it can.

    Args:
        api: The API.
        first: The first day, by the calendar of its zone.
        last: The last day, inclusive.
        now: What is after it is the future.
    """
    if api.dates is None:
        return 'has no "dates": say how it is asked for past days with "dates" and "history_url"'
    if not is_asked_for_dates(api):
        return 'gives only what is current: there is no {start} in its "history_url", "params" or "headers"'
    if last < first:
        return f"is asked for days that end ({last}) before they start ({first})"
    today = now.astimezone(ZoneInfo(api.dates.timezone)).date()
    if last > today:
        return f"is asked for the future: {last} is after {today}, today in {api.dates.timezone}"
    days = (last - first).days + 1
    if api.dates.unit == "hour" and 24 * days > MAX_WINDOWS:
        return f"is asked for {24 * days:,} hours, and one backfill takes {MAX_WINDOWS:,}: ask for fewer days"
    return None


def askable_apis(
    apis: Sequence[ApiConfig], first: date, last: date, now: datetime, *, is_by_name: bool
) -> tuple[tuple[ApiConfig, ...], tuple[str, ...]]:
    """The APIs that can be asked for these days, and a line for each that is left out.

    Args:
        apis: Those that were chosen.
        first: The first day, by the calendar of each API's zone.
        last: The last day, inclusive.
        now: What is after it is the future.
        is_by_name: Whether they were named; of all that are enabled, those that have no dates are left out.

    Raises:
        ConfigError: Where one that was named, or that has dates, cannot be asked for these days, or none can.
    """
    refusals = {api.name: refused_dates(api, first, last, now) for api in apis}
    askable = tuple(api for api in apis if refusals[api.name] is None)
    may_be_left_out = not is_by_name and any(api.dates for api in apis)
    grave = [
        Problem(f"API '{api.name}'", "", refusals[api.name] or "")
        for api in apis
        if refusals[api.name] and not (may_be_left_out and api.dates is None)
    ]
    if grave:
        raise ConfigError(grave)
    return askable, tuple(f"{name} is left out: it {why}" for name, why in refusals.items() if why)


def units_asked_for(api: ApiConfig, first: date, last: date, now: datetime) -> tuple[Window, ...]:
    """Each unit of the days, unless it begins in the future.

    The hour that an autumn day has twice is one window where the API is asked for both alike.
    """
    if api.dates is None:
        return ()
    begun = (
        window for window in windows_of_days(api.dates, first, last) if window.start.astimezone(UTC) <= now
    )
    return tuple(_with_repeated_hours_joined(api, begun, now))


def batches_of(api: ApiConfig, windows: Sequence[Window]) -> tuple[WindowBatch, ...]:
    """The windows as batches of like size, in the order of time."""
    size = max(_LEAST_WINDOWS_OF_A_BATCH, -(-len(windows) // _BATCHES_OF_AN_API))
    starts = range(0, len(windows), size)
    return tuple(
        WindowBatch(api, tuple(windows[start : start + size]), number)
        for number, start in enumerate(starts, 1)
    )


def _with_repeated_hours_joined(api: ApiConfig, units: Iterable[Window], now: datetime) -> Iterator[Window]:
    held: Window | None = None
    for unit in units:
        if held is not None and unit.start.fold and _are_asked_for_alike(api, held, unit, now):
            joined = held.joined_with(unit)
            # as one reply holds them, they count as one
            held = Window(joined.start, joined.end, joined.last, units=1)
            continue
        if held is not None:
            yield held
        held = unit
    if held is not None:
        yield held


def _are_asked_for_alike(api: ApiConfig, one: Window, other: Window, now: datetime) -> bool:
    # up to the same end: only the start's own text can tell the first of the two hours from the second
    asked = [
        [
            (request.url, request.params, request.headers)
            for request in plan_window(api, Window(start, other.end, start), now).requests
        ]
        for start in (one.start, other.start)
    ]
    return asked[0] == asked[1]
