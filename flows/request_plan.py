"""PLAN: which requests a run makes. Pure: no network, no clock."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flows.api_config import ApiConfig, Dates, Placeholder, parse_template

# webservices.iso-ne.com answers in XML unless JSON is asked for
_ACCEPT = {
    "json": "application/json",
    "csv": "text/csv, text/plain;q=0.9, */*;q=0.1",
    "xml": "application/xml, text/xml;q=0.9, */*;q=0.1",
    "zip": "application/zip, application/octet-stream;q=0.9, */*;q=0.1",
}


@dataclass(frozen=True)
class Window:
    """A stretch of time an API is asked for, in the zone its data lives in.

    Attributes:
        start: Its first moment.
        end: The first moment after it.
        last: Where its last unit starts; `start` where it is one unit long.
    """

    start: datetime
    end: datetime
    last: datetime


@dataclass(frozen=True)
class CollectionRequest:
    """One request to make.

    Attributes:
        api: The API it belongs to, with its limits and auth references.
        url: Where to ask; no secret is in it.
        params: Query parameters added to those already in `url`.
        headers: Sent with the request; auth comes on top in the collector.
        stamp: The part of the object's name that tells runs (or days) apart.
        labels: What stands for each name under `values`, in their order.
    """

    api: ApiConfig
    url: str
    params: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    stamp: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PlannedCollection:
    """What becomes one table and one object: the requests for one API's data.

    Attributes:
        api: The API.
        stamp: The part of the object's name that tells runs (or days) apart.
        requests: One, or one for each combination of the API's `values`.
        window: The dates that were asked for; None where the API gives what is current.
    """

    api: ApiConfig
    stamp: str
    requests: tuple[CollectionRequest, ...]
    window: Window | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """What tells this collection from the run's others."""
        return (self.api.name, self.stamp)


def plan_collections(apis: Iterable[ApiConfig], stamp: str, now: datetime) -> tuple[PlannedCollection, ...]:
    """One collection for each API, all under the run's stamp (`YYYYMMDD_HHMMSS`, UTC).

    Args:
        apis: What to collect.
        stamp: Of the run.
        now: The run's start; APIs with `dates` are asked for the unit that holds it.
    """
    return tuple(
        PlannedCollection(api, stamp, tuple(_requests(api, stamp, current_window(api.dates or Dates(), now))))
        for api in apis
    )


def current_window(dates: Dates, now: datetime) -> Window:
    """The one hour, day, month or year that holds a moment, by the calendar of the API's zone.

    A day is as long as it is there: 23 or 25 hours when the clocks change.
    """
    zone = ZoneInfo(dates.timezone)
    local = now.astimezone(zone)
    match dates.unit:
        case "hour":
            # through UTC, in which the hour that a clock shows twice is two hours
            start = local.replace(minute=0, second=0, microsecond=0)
            end = (start.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
        case "day":
            start = datetime(local.year, local.month, local.day, tzinfo=zone)
            end = start + timedelta(days=1)
        case "month":
            start = datetime(local.year, local.month, 1, tzinfo=zone)
            end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        case "year":
            start = datetime(local.year, 1, 1, tzinfo=zone)
            end = start.replace(year=start.year + 1)
    return Window(start, end, start)


def _requests(api: ApiConfig, stamp: str, window: Window) -> Iterator[CollectionRequest]:
    for combination in itertools.product(*api.values.values()):
        labels = dict(zip(api.values, combination, strict=True))
        yield CollectionRequest(
            api=api,
            url=_fill_url(api.url, window, labels),
            params=tuple((name, _fill(text, window, labels)) for name, text in api.params.items()),
            headers=tuple((name, _fill(text, window, labels)) for name, text in _headers(api).items()),
            stamp=stamp,
            labels=tuple(labels.items()),
        )


def _headers(api: ApiConfig) -> dict[str, str]:
    if any(name.casefold() == "accept" for name in api.headers):
        return dict(api.headers)
    return {"Accept": _ACCEPT[api.format], **api.headers}


def _fill(template: str, window: Window, labels: Mapping[str, str]) -> str:
    return "".join(
        part if isinstance(part, str) else _text_of(part, window, labels) for part in parse_template(template)
    )


def _fill_url(template: str, window: Window, labels: Mapping[str, str]) -> str:
    """Fill in a URL; what comes into it stays within its place in the path or the query."""
    return "".join(
        part
        if isinstance(part, str)
        # a date may bring slashes of its own into a path, a value may not
        else quote(_text_of(part, window, labels), safe="" if part.name in labels else "/:,")
        for part in parse_template(template)
    )


def _text_of(placeholder: Placeholder, window: Window, labels: Mapping[str, str]) -> str:
    if placeholder.name in labels:
        return labels[placeholder.name]
    moment: datetime = getattr(window, placeholder.name.removesuffix("_utc"))
    if placeholder.name.endswith("_utc"):
        moment = moment.astimezone(UTC)
    return moment.strftime(placeholder.format) if placeholder.format else moment.isoformat()
