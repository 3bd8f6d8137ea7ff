"""Builds the requests of an API, with placeholders filled in."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from flows.api_config import ApiConfig, Dates, Placeholder, moment_text, parse_template, placeholders
from flows.api_config.templates import WINDOW_PLACEHOLDERS
from flows.request_plan.windows import Window, current_window, window_stamp

# ISO New England publishes real-time demand after five days, the slowest dataset known
_PUBLISHED_WITHIN = timedelta(days=10)

# webservices.iso-ne.com returns XML unless JSON is asked for
_ACCEPT = {
    "json": "application/json",
    "csv": "text/csv, text/plain;q=0.9, */*;q=0.1",
    "xml": "application/xml, text/xml;q=0.9, */*;q=0.1",
    "zip": "application/zip, application/octet-stream;q=0.9, */*;q=0.1",
}


@dataclass(frozen=True)
class CollectionRequest:
    """One request.

    Attributes:
        api: The API, with its limits and auth references.
        url: The URL, without secrets.
        params: Query parameters in addition to those in `url`.
        headers: The headers, without credentials, which the collector adds.
        stamp: The date or timestamp in the object's name.
        labels: The value of each name under `values`, in their order.
        may_be_unpublished: Whether a 404 means that the data is not published yet.
        linked_from: The URL of the first page, if `url` is the link to a further page: credentials are
            sent to the origin of the first page only.
    """

    api: ApiConfig
    url: str
    params: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    stamp: str
    labels: tuple[tuple[str, str], ...] = ()
    may_be_unpublished: bool = False
    linked_from: str | None = None


@dataclass(frozen=True)
class PlannedCollection:
    """The requests whose responses become one table and one object.

    Attributes:
        api: The API.
        stamp: The date or timestamp in the object's name.
        requests: One, or one for each combination of the API's `values`.
        window: The window of a backfill; None for current data.
        asked_for: The window that the requests name; None where they name no date.
        series: Consecutive collections with the same series are compared by the data checks.
    """

    api: ApiConfig
    stamp: str
    requests: tuple[CollectionRequest, ...]
    window: Window | None = None
    asked_for: Window | None = None
    series: str = ""

    @property
    def identity(self) -> tuple[str, str]:
        """The key of this collection within its run."""
        return (self.api.name, self.stamp)


def plan_collections(apis: Iterable[ApiConfig], stamp: str, now: datetime) -> tuple[PlannedCollection, ...]:
    """One collection for each API, all with the run's stamp.

    Args:
        apis: The APIs to collect.
        stamp: The start of the run, `YYYYMMDD_HHMMSS` in UTC.
        now: The start of the run; APIs with `dates` are asked for the window that contains it.
    """
    return tuple(_current_collection(api, stamp, now) for api in apis)


def plan_window(api: ApiConfig, window: Window, now: datetime, series: str = "") -> PlannedCollection:
    """The collection of one window of an API with `dates`; the object is named after the window.

    Args:
        api: The API.
        window: The window to ask for.
        now: The current time, from which follows whether the data may not be published yet.
        series: See `PlannedCollection`.
    """
    stamp = window_stamp(window, (api.dates or Dates()).unit)
    is_young = window.end.astimezone(UTC) > now.astimezone(UTC) - _PUBLISHED_WITHIN
    url = api.history_url or api.url
    requests = _requests(api, url, stamp, window, may_be_unpublished=is_young)
    return PlannedCollection(api, stamp, tuple(requests), window, _asked_for(api, url, window), series)


def _current_collection(api: ApiConfig, stamp: str, now: datetime) -> PlannedCollection:
    window = current_window(api.dates or Dates(), now)
    requests = tuple(_requests(api, api.url, stamp, window))
    return PlannedCollection(api, stamp, requests, asked_for=_asked_for(api, api.url, window))


def _asked_for(api: ApiConfig, url: str, window: Window) -> Window | None:
    """The window that the requests name.

    Requests that name only the end may ask for the data before it, or for the unit that begins there, as
    for day-ahead prices: they are taken to ask for both.
    """
    names = {
        part.name.removesuffix("_utc")
        for text in (url, *api.params.values(), *api.headers.values())
        for part in placeholders(text)
        if part.name in WINDOW_PLACEHOLDERS
    }
    if names == {"end"}:
        return window.joined_with(current_window(api.dates or Dates(), window.end))
    return window if names else None


def _requests(
    api: ApiConfig, url: str, stamp: str, window: Window, *, may_be_unpublished: bool = False
) -> Iterator[CollectionRequest]:
    for combination in itertools.product(*api.values.values()):
        labels = dict(zip(api.values, combination, strict=True))
        yield CollectionRequest(
            api=api,
            url=_fill_url(url, window, labels),
            params=tuple((name, _fill(text, window, labels)) for name, text in api.params.items()),
            headers=tuple((name, _fill(text, window, labels)) for name, text in _headers(api).items()),
            stamp=stamp,
            labels=tuple(labels.items()),
            may_be_unpublished=may_be_unpublished,
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
    """Fill in a URL; a value is quoted, so that it stays one part of the path or the query."""
    return "".join(
        part
        if isinstance(part, str)
        # the format of a date may hold slashes that separate path segments, a value may not
        else quote(_text_of(part, window, labels), safe="" if part.name in labels else "/:,")
        for part in parse_template(template)
    )


def _text_of(placeholder: Placeholder, window: Window, labels: Mapping[str, str]) -> str:
    if placeholder.name in labels:
        return labels[placeholder.name]
    return moment_text(placeholder, getattr(window, placeholder.name.removesuffix("_utc")))
