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
    JsonValue,
    PayloadError,
    as_utf8,
    decode_json,
    decode_xml,
    find_records,
    read_csv_rows,
    show_path,
    values_at,
    walk_to_records,
)
from flows.http_collector import CollectionError, Payload


@dataclass(frozen=True)
class Page:
    """One page as paging sees it.

    Attributes:
        number: 1 for the first.
        rows: Its records.
        rows_before: How many records the pages before it had.
        document: The whole of it; None for CSV.
        link: Where the HTTP Link header says that the next page is.
        list_at: Where in the document the list of records is, where that is not configured.
        object_at: Where the object is that a page is.
        rows_at: Where its rows are, from the top of the document.
        is_spent: The rows are over, though the object around them would make one of its own.
    """

    number: int
    rows: Sequence[Any] = field(repr=False)
    rows_before: int
    document: JsonValue = field(repr=False)
    link: str | None = None
    list_at: tuple[str, ...] | None = None
    object_at: tuple[str, ...] | None = None
    rows_at: tuple[str, ...] | None = None
    is_spent: bool = False

    @property
    def rows_so_far(self) -> int:
        """The records of this page and those before it."""
        return self.rows_before + len(self.rows)


def read_page(api: ApiConfig, payload: Payload, last: Page | None) -> Page:
    """A payload as a page, given the one before it.

    Raises:
        CollectionError: Where it cannot be read, holds nothing of what the page before it held, or paging
            goes by its rows and they cannot be told.
    """
    number = last.number + 1 if last else 1
    page = Page(number, (), last.rows_so_far if last else 0, None, payload.next_url)
    try:
        rows, document, found_at = _content(api, text_body(api, payload))
        page = replace(page, rows=rows, document=document)
        if found_at is None:
            return replace(page, list_at=last.list_at if last else None)
        if not _is_an_object(document, found_at):
            return replace(page, list_at=found_at)
        list_at = last.list_at if last else None
        if list_at is not None and found_at[: len(list_at)] == list_at:
            # one record, as XML writes a list of one
            return replace(page, rows=values_at(document, list_at), list_at=list_at)
        return _within_object(api, replace(page, object_at=found_at), last)
    except PayloadError as error:
        raise CollectionError(f"{payload.source_url}: page {number} cannot be read: {error}") from None


def _within_object(api: ApiConfig, page: Page, last: Page | None) -> Page:
    """A page that is an object of several keys, with the rows that are in it, if they can be told."""
    (record,) = page.rows
    if last is None or last.rows_at is None:
        inner = _rows_in(api, record)
        if inner is None:
            return page
        rows_at = (*(page.object_at or ()), *inner)
    else:
        rows_at = last.rows_at
    found = values_at(page.document, rows_at)
    rows = [row for value in found for row in _as_rows(value)]
    page = replace(page, rows=rows, rows_at=rows_at)
    if rows or last is None:
        return page
    if not found:
        (around,) = values_at(last.document, last.object_at or ()) or [{}]
        strange = [key for key in record if key not in around]
        if strange:
            raise PayloadError(f"nothing stands at {show_path(rows_at)}; it has: {show_path(strange)}")
    return replace(page, is_spent=_counts_rows(api) or _says_nothing_new(api, page, last))


def _says_nothing_new(api: ApiConfig, page: Page, last: Page) -> bool:
    """Whether a page without rows has no other values than the page before it, but for where to go on."""
    pagination = api.pagination
    going_on: Sequence[str] | None = None
    if isinstance(pagination, CursorPagination):
        going_on = pagination.cursor
    elif isinstance(pagination, NextLinkPagination):
        going_on = pagination.link
    left_aside = {page.rows_at, tuple(going_on or ())}
    known = dict(_leaves(last.document, ()))
    return all(
        value in (None, "", [], {}) or known.get(path) == value
        for path, value in _leaves(page.document, ())
        if path not in left_aside
    )


def _leaves(value: JsonValue, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], JsonValue]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield path, value


def _content(api: ApiConfig, body: bytes) -> tuple[Sequence[Any], JsonValue, tuple[str, ...] | None]:
    """The records of a page, the document they stand in, and where they were found, if not configured."""
    if api.format == "csv":
        return read_csv_rows(body, api.skip_rows)[1], None, None
    document = decode_xml(body) if api.format == "xml" else decode_json(body)
    if api.columnar:
        columns = [value for value in values_at(document, api.columnar) if isinstance(value, dict)]
        lists = [value for column in columns for value in column.values() if isinstance(value, list)]
        return list(zip(*lists, strict=False)), document, None
    records = api.rows_from or api.records
    if records is not None:
        return walk_to_records(document, records), document, None
    rows, path = find_records(document)
    return rows, document, path if rows else None


def text_body(api: ApiConfig, payload: Payload) -> bytes:
    """The body of a payload as its format is read: JSON and CSV in UTF-8; XML and archives say it themselves.

    Raises:
        PayloadError: Where it is not in the charset that it is said to be in.
    """
    return as_utf8(payload.body, payload.charset) if api.format in {"json", "csv"} else payload.body


def _is_an_object(document: JsonValue, path: tuple[str, ...]) -> bool:
    value: Any = document
    for key in path:
        value = value[key]
    return isinstance(value, dict)


def _counts_rows(api: ApiConfig) -> bool:
    return isinstance(api.pagination, OffsetPagination | PagePagination)


def _rows_in(api: ApiConfig, record: dict[str, Any]) -> tuple[str, ...] | None:
    """Where in a page that is one record its rows are: in its one list of objects, as for tabulating.

    Returns:
        None where it has none.

    Raises:
        PayloadError: Where it cannot be told which of its lists they are, and paging goes by their number.
    """
    lists = {path: items for path, items in _lists_in(record, ()) if items}
    of_objects = [path for path, items in lists.items() if any(isinstance(item, dict) for item in items)]
    if lists and _counts_rows(api) and (len(lists) > 1 or not of_objects):
        raise PayloadError(
            'it holds several lists, or none of objects: say where its rows are, with "records"'
        )
    return of_objects[0] if len(of_objects) == 1 else None


def _lists_in(record: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    """The lists of a record that are in no other."""
    for key, value in record.items():
        if isinstance(value, list):
            yield (*path, key), value
        elif isinstance(value, dict):
            yield from _lists_in(value, (*path, key))


def _as_rows(found: JsonValue) -> Sequence[Any]:
    if isinstance(found, list):
        return found
    # as XML writes a list of one, and of none
    return [found] if isinstance(found, dict) and found else []


def text_at(page: Page, path: Sequence[str], shown_url: str) -> str | None:
    """What stands at a path of a page, as it is sent; None for nothing.

    Raises:
        CollectionError: Where a list or an object stands there.
    """
    for value in values_at(page.document, path):
        if value is True or (value and isinstance(value, dict | list)):
            kind = "true" if value is True else "an object" if isinstance(value, dict) else "a list"
            raise CollectionError(
                f"{shown_url}: page {page.number} has {kind} at {show_path(path)}, "
                "where paging needs a text or a number"
            )
        # null, false and what is empty are none
        if isinstance(value, str | int | float) and value is not False and str(value).strip():
            # as it is: what is opaque goes back as it came
            return str(value)
    return None


def number_at(page: Page, path: Sequence[str], shown_url: str) -> int:
    """The whole number at a path of a page; 0 for nothing on a first page without rows.

    Raises:
        CollectionError: Where no such number stands there.
    """
    text = text_at(page, path, shown_url)
    if text is None and page.number == 1 and not page.rows:
        return 0
    try:
        number = float(str(text))
    except ValueError:
        number = math.nan
    if not number.is_integer():
        found = "nothing" if text is None else repr(text)
        raise CollectionError(
            f"{shown_url}: page {page.number} has {found} at {show_path(path)}, where paging needs a number"
        )
    return int(number)
