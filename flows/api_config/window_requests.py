"""Whether an API's requests for past dates differ where the dates do."""

from __future__ import annotations

import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

from flows.api_config.models import ApiConfig, Dates
from flows.api_config.templates import WINDOW_PLACEHOLDERS, moment_text, placeholders


def is_asked_for_dates(api: ApiConfig) -> bool:
    """Whether anything that is sent tells of the dates; else the API gives only what is current."""
    return any(part.name in WINDOW_PLACEHOLDERS for text in _asked_texts(api) for part in placeholders(text))


def are_asked_for_alike(api: ApiConfig, dates: Dates) -> bool:
    """Whether one unit is asked for like the next, so that both would be given the same data."""
    units = itertools.pairwise(_starts(dates))
    return any(one == other for one, other in itertools.pairwise(_asked(api, *unit) for unit in units))


def units_at_once(api: ApiConfig) -> int:
    """How many units a request may ask for: one, where nothing that is sent tells where several end."""
    dates = api.dates or Dates()
    return dates.max_window if dates.max_window > 1 and _is_longer_window_told(api, dates) else 1


def _is_longer_window_told(api: ApiConfig, dates: Dates) -> bool:
    """Whether two units at once are asked for otherwise than the first of them alone."""
    starts = _starts(dates)
    return all(
        _asked(api, start, following) != _asked(api, start, end, last=following)
        for start, following, end in zip(starts, starts[1:], starts[2:], strict=False)
    )


def _asked(api: ApiConfig, start: datetime, end: datetime, *, last: datetime | None = None) -> list[str]:
    """What differs between the requests for one window and another, filled in."""
    moments = {"start": start, "end": end, "last": last or start}
    return [
        moment_text(part, moments[part.name.removesuffix("_utc")])
        for text in _asked_texts(api)
        for part in placeholders(text)
        if part.name in WINDOW_PLACEHOLDERS
    ]


def _asked_texts(api: ApiConfig) -> tuple[str, ...]:
    return (api.history_url or api.url, *api.params.values(), *api.headers.values())


def _starts(dates: Dates) -> tuple[datetime, ...]:
    """Where units begin that follow one another, on days on which no clock changes.

    Three units, as two may differ by chance: in UTC a day may begin between them.
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
