"""Keys of one API that do not go together, each found on its own being valid."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from flows.api_config.auth import OAuth2ClientCredentialsAuth, OAuth2PasswordAuth
from flows.api_config.field_types import check_url
from flows.api_config.models import ApiConfig
from flows.api_config.paging import PagePagination
from flows.api_config.problems import nearest_word
from flows.api_config.templates import WINDOW_PLACEHOLDERS, placeholders
from flows.api_config.window_requests import are_asked_for_alike, is_asked_for_dates

MAX_REQUESTS_PER_WINDOW = 10_000

Inconsistency = tuple[str, str, str]
"""Where, below the API (`.dates`), what is wrong, and what to do."""

_TREE_FORMATS = {"json", "xml", "zip"}
# keys by the formats that have a use for them
_FORMATS = {
    "skip_rows": {"csv", "zip"},
    "records": _TREE_FORMATS,
    "explode": _TREE_FORMATS,
    "columns_from": {"json"},
    "rows_from": {"json"},
    "columnar": {"json"},
}
_FORMATS_OF_UNITS = {
    "hour": "{start:%Y%m%d%H}",
    "day": "{start:%Y%m%d}",
    "month": "{start:%Y%m}",
    "year": "{start:%Y}",
}


def inconsistencies(api: ApiConfig, at_fault: Collection[str] = ()) -> Iterator[Inconsistency]:
    """Everything about one API that no single key shows to be wrong.

    Args:
        api: The API.
        at_fault: Keys that it has not as they were meant; nothing is said that depends on them.
    """
    templates = {"url", "history_url", "params", "headers", "dates", "values"}
    layout = {*_FORMATS, "format", "explode"}
    checks = (
        (_layout, layout),
        (_templates, templates),
        (_history, templates),
        (_windows, templates),
        (_headers, {"headers"}),
        (_pagination, {"pagination", "format", "params"}),
        (_token_urls, {"auth", "allow_insecure"}),
    )
    for check, keys in checks:
        if keys.isdisjoint(at_fault):
            yield from check(api)


def _layout(api: ApiConfig) -> Iterator[Inconsistency]:
    for key, formats in _FORMATS.items():
        if getattr(api, key) and api.format not in formats:
            yield f".{key}", f'has no meaning with "format": "{api.format}"', ""
    if (api.columns_from is None) != (api.rows_from is None):
        given, missing = ("columns_from", "rows_from") if api.columns_from else ("rows_from", "columns_from")
        yield f".{given}", f"needs {missing} beside it", ""
    layouts = [key for key in ("records", "rows_from", "columnar") if getattr(api, key)]
    if len(layouts) > 1:
        yield f".{layouts[1]}", f"cannot stand beside {layouts[0]}: each says where the rows are", ""
    if api.explode and (api.rows_from or api.columnar):
        yield ".explode", f"cannot stand beside {layouts[-1]}, whose rows are flat", ""


def _templates(api: ApiConfig) -> Iterator[Inconsistency]:
    used: set[str] = set()
    for where, text in _texts(api):
        for placeholder in placeholders(text):
            used.add(placeholder.name)
            if placeholder.name in api.values:
                continue
            if placeholder.name not in WINDOW_PLACEHOLDERS:
                known = (*WINDOW_PLACEHOLDERS, *api.values)
                nearest = nearest_word(placeholder.name, known)
                advice = f"did you mean '{nearest}'?" if nearest else 'give its values under "values"'
                yield where, f"holds the unknown placeholder {{{placeholder.name}}}", advice
            elif api.dates is None:
                yield where, f'holds {{{placeholder.name}}} but there are no "dates"', "say unit and timezone"
    for name in api.values:
        if name in WINDOW_PLACEHOLDERS:
            yield f".values.{name}", f"{name} is a moment of the window: give the values another name", ""
        elif name not in used:
            yield f".values.{name}", f"is not used: no url, parameter or header holds {{{name}}}", ""
    if math.prod(len(values) for values in api.values.values()) > MAX_REQUESTS_PER_WINDOW:
        yield ".values", f"make more than {MAX_REQUESTS_PER_WINDOW:,} requests, each with each", ""


def _texts(api: ApiConfig) -> Iterator[tuple[str, str]]:
    yield ".url", api.url
    if api.history_url:
        yield ".history_url", api.history_url
    for key in ("params", "headers"):
        for name, text in getattr(api, key).items():
            yield f".{key}.{name}", text


def _headers(api: ApiConfig) -> Iterator[Inconsistency]:
    first: dict[str, str] = {}
    for name in api.headers:
        other = first.setdefault(name.casefold(), name)
        if other != name:
            yield f".headers.{name}", f"is the header {other} again, whose case does not matter", ""


def _history(api: ApiConfig) -> Iterator[Inconsistency]:
    if api.history_url is None:
        return
    if api.dates is None:
        yield ".history_url", 'needs "dates" beside it', "say unit and timezone"
    elif not any(part.name in WINDOW_PLACEHOLDERS for part in placeholders(api.history_url)):
        yield ".history_url", "holds no {start}: it would ask for the same data whatever the dates", ""
    one, other = urlsplit(api.url), urlsplit(api.history_url)
    if (one.scheme, one.netloc) != (other.scheme, other.netloc):
        yield ".history_url", "is on another host than url", "make it an API of its own"


def _windows(api: ApiConfig) -> Iterator[Inconsistency]:
    if api.dates is None or not is_asked_for_dates(api):
        return
    unit = api.dates.unit
    if are_asked_for_alike(api, api.dates):
        cause = f"is {unit}, but one {unit} is asked for like the next: one reply would be stored for both"
        longer = "" if unit == "year" else ", or name a longer unit"
        advice = f"let placeholders tell the {unit}, e.g. {_FORMATS_OF_UNITS[unit]}{longer}"
        yield ".dates.unit", cause, advice


def _pagination(api: ApiConfig) -> Iterator[Inconsistency]:
    pagination = api.pagination
    if pagination is None:
        return
    if api.format == "zip":
        yield ".pagination", 'has no meaning with "format": "zip"', ""
    for key in pagination.model_fields_set & {"total", "total_pages", "cursor", "link"}:
        if api.format == "csv":
            yield f".pagination.{key}", 'has no meaning with "format": "csv", which has no such places', ""
    if isinstance(pagination, PagePagination) and pagination.size_param and pagination.size is None:
        yield ".pagination.size_param", "needs size beside it", ""
    for name in pagination.own_params:
        if name in api.params:
            yield f".params.{name}", "is set by the pagination: leave it out here", ""


def _token_urls(api: ApiConfig) -> Iterator[Inconsistency]:
    for index, entry in enumerate(api.auth_entries):
        if isinstance(entry, OAuth2PasswordAuth | OAuth2ClientCredentialsAuth):
            try:
                check_url(entry.token_url, allow_insecure=api.allow_insecure)
            except PydanticCustomError as error:
                yield f".auth[{index}].token_url", str(error.message()), ""
