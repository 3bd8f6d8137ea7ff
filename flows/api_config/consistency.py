"""Checks the keys of one API against each other; each key is already valid by itself."""

from __future__ import annotations

import math
from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from flows.api_config.auth import OAuth2ClientCredentialsAuth, OAuth2PasswordAuth
from flows.api_config.field_types import check_url
from flows.api_config.models import ApiConfig
from flows.api_config.paging import PagePagination
from flows.api_config.problems import nearest_word
from flows.api_config.templates import WINDOW_PLACEHOLDERS, placeholders
from flows.api_config.window_requests import has_identical_requests, is_asked_for_dates

MAX_REQUESTS_PER_WINDOW = 10_000

Inconsistency = tuple[str, str, str]
"""The JSON path below the API (`.dates`), the cause, and advice or ""."""

_TREE_FORMATS = {"json", "xml", "zip"}
# the formats that a key applies to
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


def inconsistencies(api: ApiConfig) -> Iterator[Inconsistency]:
    """Every problem of an API that concerns several of its keys."""
    for check in (_layout, _templates, _history, _windows, _headers, _pagination, _token_urls):
        yield from check(api)


def _layout(api: ApiConfig) -> Iterator[Inconsistency]:
    for key, formats in _FORMATS.items():
        if getattr(api, key) and api.format not in formats:
            yield f".{key}", f'is not valid with "format": "{api.format}"', ""
    if (api.columns_from is None) != (api.rows_from is None):
        given, missing = ("columns_from", "rows_from") if api.columns_from else ("rows_from", "columns_from")
        yield f".{given}", f"needs {missing}", ""
    layouts = [key for key in ("records", "rows_from", "columnar") if getattr(api, key)]
    if len(layouts) > 1:
        yield f".{layouts[1]}", f"cannot be combined with {layouts[0]}: each says where the rows are", ""
    if api.explode and (api.rows_from or api.columnar):
        yield ".explode", f"cannot be combined with {layouts[-1]}, whose rows are flat", ""


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
                advice = f"did you mean '{nearest}'?" if nearest else 'list its values under "values"'
                yield where, f"holds the unknown placeholder {{{placeholder.name}}}", advice
            elif api.dates is None:
                yield where, f'holds {{{placeholder.name}}} but there is no "dates"', "give unit and timezone"
    for name in api.values:
        if name in WINDOW_PLACEHOLDERS:
            yield f".values.{name}", f"{name} is a placeholder of the window: use another name", ""
        elif name not in used:
            yield f".values.{name}", f"is not used: no url, parameter or header holds {{{name}}}", ""
    if math.prod(len(values) for values in api.values.values()) > MAX_REQUESTS_PER_WINDOW:
        yield ".values", f"have more than {MAX_REQUESTS_PER_WINDOW:,} combinations", ""


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
            yield f".headers.{name}", f"is the same header as {other}: case is ignored", ""


def _history(api: ApiConfig) -> Iterator[Inconsistency]:
    if api.history_url is None:
        return
    if api.dates is None:
        yield ".history_url", 'needs "dates"', "give unit and timezone"
    elif not any(part.name in WINDOW_PLACEHOLDERS for part in placeholders(api.history_url)):
        yield ".history_url", "holds no {start}, so that all dates would have the same request", ""
    one, other = urlsplit(api.url), urlsplit(api.history_url)
    if (one.scheme, one.netloc) != (other.scheme, other.netloc):
        yield ".history_url", "is on another host than url", "configure it as an API of its own"


def _windows(api: ApiConfig) -> Iterator[Inconsistency]:
    if api.dates is None or not is_asked_for_dates(api):
        return
    unit = api.dates.unit
    if has_identical_requests(api, api.dates):
        cause = f"is {unit}, but the requests for consecutive {unit}s are identical"
        longer = "" if unit == "year" else ", or a longer unit"
        advice = f"use placeholders that contain the {unit}, e.g. {_FORMATS_OF_UNITS[unit]}{longer}"
        yield ".dates.unit", cause, advice


def _pagination(api: ApiConfig) -> Iterator[Inconsistency]:
    pagination = api.pagination
    if pagination is None:
        return
    if api.format == "zip":
        yield ".pagination", 'is not valid with "format": "zip"', ""
    for key in pagination.model_fields_set & {"total", "total_pages", "cursor", "link"}:
        if api.format == "csv":
            yield f".pagination.{key}", 'is not valid with "format": "csv", which has no paths', ""
    if isinstance(pagination, PagePagination) and pagination.size_param and pagination.size is None:
        yield ".pagination.size_param", "needs size", ""
    for name in pagination.own_params:
        if name in api.params:
            yield f".params.{name}", "is set by pagination: remove it here", ""


def _token_urls(api: ApiConfig) -> Iterator[Inconsistency]:
    for index, entry in enumerate(api.auth_entries):
        if isinstance(entry, OAuth2PasswordAuth | OAuth2ClientCredentialsAuth):
            try:
                check_url(entry.token_url, allow_insecure=api.allow_insecure)
            except PydanticCustomError as error:
                yield f".auth[{index}].token_url", str(error.message()), ""
