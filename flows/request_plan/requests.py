"""The requests for one API's data, its placeholders filled in."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from flows.api_config import ApiConfig, Dates, Placeholder, moment_text, parse_template
from flows.request_plan.windows import Window, current_window, window_stamp

# the ISO's real-time demand comes five days late, the slowest that is known
_PUBLISHED_WITHIN = timedelta(days=10)

# webservices.iso-ne.com answers in XML unless JSON is asked for
_ACCEPT = {
    "json": "application/json",
    "csv": "text/csv, text/plain;q=0.9, */*;q=0.1",
    "xml": "application/xml, text/xml;q=0.9, */*;q=0.1",
    "zip": "application/zip, application/octet-stream;q=0.9, */*;q=0.1",
}


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
        may_be_unpublished: Its data is so young that a 404 means that it is still to come.
        linked_from: The address that was asked first, where `url` is a link that came with its reply:
            credentials go to that one's origin only.
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
    """What becomes one table and one object: the requests for one API's data.

    Attributes:
        api: The API.
        stamp: The part of the object's name that tells runs (or days) apart.
        requests: One, or one for each combination of the API's `values`.
        window: The dates that were asked for; None where the API gives what is current.
        series: Which collections follow one another, each to be compared with the one before.
    """

    api: ApiConfig
    stamp: str
    requests: tuple[CollectionRequest, ...]
    window: Window | None = None
    series: str = ""

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
        PlannedCollection(
            api, stamp, tuple(_requests(api, api.url, stamp, current_window(api.dates or Dates(), now)))
        )
        for api in apis
    )


def plan_window(api: ApiConfig, window: Window, now: datetime, series: str = "") -> PlannedCollection:
    """The collection of one window of an API that can be asked for dates, named by its data's date.

    Args:
        api: An API with `dates`.
        window: What to ask for.
        now: To tell what may not be published yet.
        series: See `PlannedCollection`.
    """
    stamp = window_stamp(window, (api.dates or Dates()).unit)
    is_young = window.end.astimezone(UTC) > now.astimezone(UTC) - _PUBLISHED_WITHIN
    requests = _requests(api, api.history_url or api.url, stamp, window, may_be_unpublished=is_young)
    return PlannedCollection(api, stamp, tuple(requests), window, series)


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
    return moment_text(placeholder, getattr(window, placeholder.name.removesuffix("_utc")))
