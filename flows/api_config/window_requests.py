"""Whether the requests of consecutive windows differ."""

from __future__ import annotations

import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

from flows.api_config.models import ApiConfig, Dates
from flows.api_config.templates import WINDOW_PLACEHOLDERS, moment_text, placeholders


def is_asked_for_dates(api: ApiConfig) -> bool:
    """Whether a request for past dates depends on the dates; otherwise the API returns current data only."""
    return any(part.name in WINDOW_PLACEHOLDERS for text in _templates(api) for part in placeholders(text))


def has_identical_requests(api: ApiConfig, dates: Dates) -> bool:
    """Whether two consecutive windows yield the same request: placeholders coarser than the unit."""
    units = itertools.pairwise(_starts(dates))
    return any(one == other for one, other in itertools.pairwise(_filled(api, *unit) for unit in units))


def units_at_once(api: ApiConfig) -> int:
    """The most units of one request: `max_window`, or 1 if the request does not hold the window's end."""
    dates = api.dates or Dates()
    return dates.max_window if dates.max_window > 1 and _depends_on_end(api, dates) else 1


def _depends_on_end(api: ApiConfig, dates: Dates) -> bool:
    """Whether the request for two units differs from the request for the first one."""
    starts = _starts(dates)
    return all(
        _filled(api, start, following) != _filled(api, start, end, last=following)
        for start, following, end in zip(starts, starts[1:], starts[2:], strict=False)
    )


def _filled(api: ApiConfig, start: datetime, end: datetime, *, last: datetime | None = None) -> list[str]:
    """The texts of the window's placeholders in the request."""
    moments = {"start": start, "end": end, "last": last or start}
    return [
        moment_text(part, moments[part.name.removesuffix("_utc")])
        for text in _templates(api)
        for part in placeholders(text)
        if part.name in WINDOW_PLACEHOLDERS
    ]


def _templates(api: ApiConfig) -> tuple[str, ...]:
    return (api.history_url or api.url, *api.params.values(), *api.headers.values())


def _starts(dates: Dates) -> tuple[datetime, ...]:
    """The starts of four consecutive units, away from DST changes.

    Two units are not enough: they may differ only because a UTC day begins between them.
    """
    zone = ZoneInfo(dates.timezone)
    numbers = range(4)
    match dates.unit:
        case "hour":
            return tuple(datetime(2024, 1, 10, 10 + number, tzinfo=zone) for number in numbers)
        case "day":
            return tuple(datetime(2024, 1, 10 + number, tzinfo=zone) for number in numbers)
        case "month":
            return tuple(datetime(2024, 1 + number, 1, tzinfo=zone) for number in numbers)
        case "year":
            return tuple(datetime(2024 + number, 1, 1, tzinfo=zone) for number in numbers)
