"""Reads the rows of a page, which are counted as they are tabulated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from flows.api_config import ApiConfig
from flows.documents import (
    CsvRows,
    Document,
    DocumentError,
    JsonValue,
    find_records,
    show_path,
    values_at,
    walk_to_records,
)
from flows.http_collector import Response
from flows.pagination.kinds import Paging, paging_of
from flows.pagination.page import Page

_ADVICE = 'say where the rows are, with "records"'
_NOTHING: tuple[JsonValue, ...] = (None, "", [], {}, 0)
_SHOWN = 5


def read_page(api: ApiConfig, response: Response, last: Page | None) -> Page:
    """Read a response as the page after `last`.

    Raises:
        DocumentError: It cannot be decoded, holds something else than the pages before it, or its rows are
            needed and cannot be found.
    """
    number = last.number + 1 if last else 1
    try:
        rows, document, found_at = _content(api, response.document)
        page = Page(number, rows, last.rows_so_far if last else 0, document, response.next_url)
        if found_at is None or api.pagination is None:
            return replace(page, place=tuple(api.records or api.rows_from or api.columnar or ()))
        paging = paging_of(api.pagination)
        if last is None or last.place is None:
            return _with_place(paging, page, found_at)
        return _at_place(api, paging, replace(page, place=last.place, around=last.around))
    except DocumentError as error:
        raise DocumentError(f"page {number} cannot be read: {error.reason}") from None


def _with_place(paging: Paging, page: Page, found_at: tuple[str, ...]) -> Page:
    """Find the rows of a page: they are a list, or the one list of objects in its one object."""
    if not page.rows:
        return page
    if not _is_an_object(page.document, found_at):
        return replace(page, place=found_at, around=page.document)
    lists = dict(_lists_in(page.rows[0], found_at))
    filled = {path: items for path, items in lists.items() if items}
    of_objects = [path for path, items in filled.items() if any(isinstance(item, dict) for item in items)]
    if filled and paging.counts_rows and (len(filled) > 1 or not of_objects):
        raise DocumentError(f"it holds several lists, or none of objects: {_ADVICE}")
    if len(of_objects) == 1:
        place = of_objects[0]
        rows = filled[place]
        if len(rows) > paging.max_rows:
            raise DocumentError(
                f"{show_path(place)} has {len(rows)} rows, more than were asked for: {_ADVICE}"
            )
        return replace(page, rows=rows, place=place, around=page.document)
    if lists and not filled:
        if len(lists) > 1:
            return replace(page, rows=())
        return replace(page, rows=(), place=next(iter(lists)), around=page.document)
    return page


def _at_place(api: ApiConfig, paging: Paging, page: Page) -> Page:
    """Return a page with the rows at the place where the pages before it have theirs."""
    found = values_at(page.document, page.place or ())
    rows = [row for value in found for row in _as_rows(api, page, value)]
    if rows:
        return replace(page, rows=rows, around=page.document)
    if not page.rows:
        return page
    before = dict(_leaves(page.around, ()))
    left_aside = {page.place, paging.next_path}
    others = {
        path: value
        for path, value in _leaves(page.document, ())
        if value not in _NOTHING and path not in left_aside
    }
    new = [path for path in others if before.get(path) in _NOTHING]
    if new and (not found or paging.counts_rows):
        listed = ", ".join(map(show_path, new[:_SHOWN]))
        raise DocumentError(
            f"no rows at {show_path(page.place or ())}, but what was not there: {listed}; {_ADVICE}"
        )
    is_told = all(before.get(path) == value for path, value in others.items())
    return replace(page, rows=(), is_past_end=not found or paging.counts_rows or is_told)


def _as_rows(api: ApiConfig, page: Page, value: JsonValue) -> Sequence[Any]:
    if isinstance(value, list):
        return value
    if value in (None, "", {}):
        return []
    if api.format != "xml":
        # as some services write a list of one, but it may be an error too
        earlier = [row for found in values_at(page.around, page.place or ()) for row in found]
        if not isinstance(value, dict) or not any(
            isinstance(row, dict) and row.keys() & value for row in earlier
        ):
            raise DocumentError(
                f"something else than rows stands at {show_path(page.place or ())}: {_ADVICE}"
            )
    return [value]


def _leaves(value: JsonValue, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], JsonValue]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield path, value


def _content(api: ApiConfig, response: Document) -> tuple[Sequence[Any], JsonValue, tuple[str, ...] | None]:
    """Return the records of a page, its document, and their path where that is not configured."""
    document = response.value()
    if isinstance(document, CsvRows):
        return document.rows, None, None
    if api.columnar:
        columns = [value for value in values_at(document, api.columnar) if isinstance(value, dict)]
        lists = [value for column in columns for value in column.values() if isinstance(value, list)]
        return list(zip(*lists, strict=False)), document, None
    records = api.rows_from or api.records
    if records is not None:
        return walk_to_records(document, records), document, None
    rows, found_at = find_records(document)
    return rows, document, found_at


def _is_an_object(document: JsonValue, path: tuple[str, ...]) -> bool:
    value: Any = document
    for key in path:
        value = value[key]
    return isinstance(value, dict)


def _lists_in(record: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    """Go through the lists of a record that are in no other list."""
    for key, value in record.items():
        if isinstance(value, list):
            yield (*path, key), value
        elif isinstance(value, dict):
            yield from _lists_in(value, (*path, key))
