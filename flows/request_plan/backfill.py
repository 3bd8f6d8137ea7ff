"""Turns a range of days into windows, and windows into batches for tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flows.api_config import ApiConfig, ConfigError, Dates, Problem, is_asked_for_dates
from flows.request_plan.requests import plan_window
from flows.request_plan.windows import Window, window_stamp, windows_of_days

MAX_WINDOWS = 200_000
"""The most windows of one API in one backfill: 22 years of hours."""

# of one API: few enough that Prefect's task runs cost seconds, enough to keep all threads busy
_MAX_BATCHES = 24
# within a batch, each table is compared with the one before it
_MIN_BATCH_SIZE = 4


@dataclass(frozen=True)
class WindowBatch:
    """The windows of one API that one task collects, one after the other.

    Attributes:
        api: The API.
        windows: The windows in order of time.
        number: The number of the batch within the API, from 1.
    """

    api: ApiConfig
    windows: tuple[Window, ...] = field(repr=False)
    number: int = 1

    @property
    def label(self) -> str:
        """The name of the API and its dates: `Fuel Mix 20240101..20240115`."""
        unit = (self.api.dates or Dates()).unit
        first, last = (window_stamp(window, unit) for window in (self.windows[0], self.windows[-1]))
        return f"{self.api.name} {first}" + (f"..{last}" if last != first else "")

    @property
    def series(self) -> str:
        """The `PlannedCollection.series` of its collections."""
        return str(self.number)


def refused_dates(api: ApiConfig, first: date, last: date, now: datetime) -> str | None:
    """Why an API cannot be asked for these days; None if it can.

    Args:
        api: The API.
        first: The first day, by the calendar of its time zone.
        last: The last day, inclusive.
        now: The current time; later days are refused.
    """
    if api.dates is None:
        return 'has no "dates": configure how to request past days with "dates" and "history_url"'
    if not is_asked_for_dates(api):
        return 'returns current data only: there is no {start} in its "history_url", "params" or "headers"'
    if last < first:
        return f"cannot be asked for days that end ({last}) before they start ({first})"
    today = now.astimezone(ZoneInfo(api.dates.timezone)).date()
    if last > today:
        return f"cannot be asked for the future: {last} is after {today}, today in {api.dates.timezone}"
    days = (last - first).days + 1
    if api.dates.unit == "hour" and 24 * days > MAX_WINDOWS:
        return (
            f"cannot be asked for {24 * days:,} hours: one backfill takes {MAX_WINDOWS:,}, so give fewer days"
        )
    return None


def askable_apis(
    apis: Sequence[ApiConfig], first: date, last: date, now: datetime, *, is_by_name: bool
) -> tuple[tuple[ApiConfig, ...], tuple[str, ...]]:
    """The APIs that can be asked for these days, and a message for each that is left out.

    Args:
        apis: The selected APIs.
        first: The first day, by the calendar of each API's time zone.
        last: The last day, inclusive.
        now: The current time; later days are refused.
        is_by_name: Whether the APIs were selected by name; otherwise those without `dates` are left out.

    Raises:
        ConfigError: If an API that is not left out cannot be asked for these days.
    """
    refusals = {api.name: refused_dates(api, first, last, now) for api in apis}
    askable = tuple(api for api in apis if refusals[api.name] is None)
    may_be_left_out = not is_by_name and any(api.dates for api in apis)
    problems = [
        Problem(f"API '{api.name}'", "", refusals[api.name] or "")
        for api in apis
        if refusals[api.name] and not (may_be_left_out and api.dates is None)
    ]
    if problems:
        raise ConfigError(problems)
    return askable, tuple(f"{name} is left out: it {why}" for name, why in refusals.items() if why)


def units_asked_for(api: ApiConfig, first: date, last: date, now: datetime) -> tuple[Window, ...]:
    """The windows of one unit each that overlap these days and do not begin in the future.

    The hour that occurs twice when DST ends is one window where both would have identical requests.
    """
    if api.dates is None:
        return ()
    begun = (
        window for window in windows_of_days(api.dates, first, last) if window.start.astimezone(UTC) <= now
    )
    return tuple(_with_repeated_hours_joined(api, begun, now))


def batches_of(api: ApiConfig, windows: Sequence[Window]) -> tuple[WindowBatch, ...]:
    """The windows as batches of equal size, in order of time."""
    size = max(_MIN_BATCH_SIZE, -(-len(windows) // _MAX_BATCHES))
    starts = range(0, len(windows), size)
    return tuple(
        WindowBatch(api, tuple(windows[start : start + size]), number)
        for number, start in enumerate(starts, 1)
    )


def _with_repeated_hours_joined(api: ApiConfig, units: Iterable[Window], now: datetime) -> Iterator[Window]:
    held: Window | None = None
    for unit in units:
        if held is not None and unit.start.fold and _have_identical_requests(api, held, unit, now):
            joined = held.joined_with(unit)
            # one response holds both, so they count as one unit
            held = Window(joined.start, joined.end, joined.last, units=1)
            continue
        if held is not None:
            yield held
        held = unit
    if held is not None:
        yield held


def _have_identical_requests(api: ApiConfig, one: Window, other: Window, now: datetime) -> bool:
    # with the same end: only a placeholder of the start can tell the first of the two hours from the second
    sent = [
        [
            (request.url, request.params, request.headers)
            for request in plan_window(api, Window(start, other.end, start), now).requests
        ]
        for start in (one.start, other.start)
    ]
    return sent[0] == sent[1]
