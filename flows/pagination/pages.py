"""One page as paging sees it: its rows, counted as they are tabulated, and what it says of the next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flows.api_config import (
    ApiConfig,
    CursorPagination,
    NextLinkPagination,
    OffsetPagination,
    PagePagination,
)
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
from flows.http_collector import CollectionError, Response

_ADVICE = 'say where the rows are, with "records"'
_NOTHING: tuple[JsonValue, ...] = (None, "", [], {}, 0)
_SHOWN = 5


@dataclass(frozen=True)
class Page:
    """One page as paging sees it.

    Attributes:
        number: 1 for the first.
        rows: Its records.
        rows_before: How many records the pages before it had.
        document: The whole of it; None for CSV.
        link: Where the HTTP Link header says that the next page is.
        place: Where in their documents the rows of all pages are, where that is not configured.
        around: The last document that had rows there.
        is_spent: The rows are over, though the object around them would make one of its own.
    """

    number: int
    rows: Sequence[Any] = field(repr=False)
    rows_before: int
    document: JsonValue = field(repr=False)
    link: str | None = None
    place: tuple[str, ...] | None = None
    around: JsonValue = field(repr=False, default=None)
    is_spent: bool = False

    @property
    def rows_so_far(self) -> int:
        """The records of this page and those before it."""
        return self.rows_before + len(self.rows)


def read_page(api: ApiConfig, payload: Response, last: Page | None) -> Page:
    """A payload as a page, given the one before it.

    Raises:
        CollectionError: Where it cannot be read, holds something else than the pages before it, or paging
            goes by its rows and they cannot be told.
    """
    number = last.number + 1 if last else 1
    try:
        rows, document, found_at = _content(api, payload.document)
        page = Page(number, rows, last.rows_so_far if last else 0, document, payload.next_url)
        if found_at is None:
            return replace(page, place=tuple(api.records or api.rows_from or api.columnar or ()))
        if last is None or last.place is None:
            return _with_place(api, page, found_at)
        return _at_place(api, replace(page, place=last.place, around=last.around))
    except DocumentError as error:
        raise CollectionError(f"{payload.source_url}: page {number} cannot be read: {error}") from None


def _with_place(api: ApiConfig, page: Page, found_at: tuple[str, ...]) -> Page:
    """A page of which it is not known yet where its rows are: a list, or in its one list of objects."""
    if not page.rows:
        return page
    if not _is_an_object(page.document, found_at):
        return replace(page, place=found_at, around=page.document)
    lists = dict(_lists_in(page.rows[0], found_at))
    filled = {path: items for path, items in lists.items() if items}
    of_objects = [path for path, items in filled.items() if any(isinstance(item, dict) for item in items)]
    if filled and _counts_rows(api) and (len(filled) > 1 or not of_objects):
        raise DocumentError(f"it holds several lists, or none of objects: {_ADVICE}")
    if len(of_objects) == 1:
        place = of_objects[0]
        rows = filled[place]
        if len(rows) > _most_rows(api):
            raise DocumentError(
                f"{show_path(place)} has {len(rows)} rows, more than were asked for: {_ADVICE}"
            )
        return replace(page, rows=rows, place=place, around=page.document)
    if lists and not filled:
        if len(lists) > 1:
            return replace(page, rows=())
        return replace(page, rows=(), place=next(iter(lists)), around=page.document)
    return page


def _at_place(api: ApiConfig, page: Page) -> Page:
    """A page whose rows are where those of the pages before it were."""
    found = values_at(page.document, page.place or ())
    rows = [row for value in found for row in _as_rows(api, page, value)]
    if rows:
        return replace(page, rows=rows, around=page.document)
    if not page.rows:
        return page
    before = dict(_leaves(page.around, ()))
    left_aside = {page.place, _going_on(api)}
    others = {
        path: value
        for path, value in _leaves(page.document, ())
        if value not in _NOTHING and path not in left_aside
    }
    new = [path for path in others if before.get(path) in _NOTHING]
    if new and (not found or _counts_rows(api)):
        listed = ", ".join(map(show_path, new[:_SHOWN]))
        raise DocumentError(
            f"no rows at {show_path(page.place or ())}, but what was not there: {listed}; {_ADVICE}"
        )
    is_told = all(before.get(path) == value for path, value in others.items())
    return replace(page, rows=(), is_spent=not found or _counts_rows(api) or is_told)


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


def _going_on(api: ApiConfig) -> tuple[str, ...]:
    match api.pagination:
        case CursorPagination():
            return tuple(api.pagination.cursor)
        case NextLinkPagination():
            return tuple(api.pagination.link or ())
        case _:
            return ()


def _most_rows(api: ApiConfig) -> float:
    match api.pagination:
        case OffsetPagination():
            return api.pagination.limit
        case PagePagination():
            return api.pagination.size or math.inf
        case _:
            return math.inf


def _leaves(value: JsonValue, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], JsonValue]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield path, value


def _content(api: ApiConfig, response: Document) -> tuple[Sequence[Any], JsonValue, tuple[str, ...] | None]:
    """The records of a page, the document they stand in, and where they were found, if not configured."""
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


def _counts_rows(api: ApiConfig) -> bool:
    return isinstance(api.pagination, OffsetPagination | PagePagination)


def _lists_in(record: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    """The lists of a record that are in no other."""
    for key, value in record.items():
        if isinstance(value, list):
            yield (*path, key), value
        elif isinstance(value, dict):
            yield from _lists_in(value, (*path, key))
