"""One page as paging sees it: its rows, counted as they are tabulated, and what it says of the next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.api_config import ApiConfig, OffsetPagination, PagePagination
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
        rows_at: Where in the object that a page is its rows are, where that is not configured.
        is_spent: The rows are over, though the object around them would make one of its own.
    """

    number: int
    rows: Sequence[Any] = field(repr=False)
    rows_before: int
    document: JsonValue = field(repr=False)
    link: str | None = None
    rows_at: tuple[str, ...] | None = None
    is_spent: bool = False

    @property
    def rows_so_far(self) -> int:
        """The records of this page and those before it."""
        return self.rows_before + len(self.rows)


def read_page(api: ApiConfig, payload: Payload, last: Page | None) -> Page:
    """A payload as a page, given the one before it.

    Raises:
        CollectionError: Where it cannot be read, or paging goes by its rows and they cannot be told.
    """
    number = last.number + 1 if last else 1
    rows_before = last.rows_so_far if last else 0
    rows_at = last.rows_at if last else None
    is_spent = False
    try:
        rows, document = _content(api, text_body(api, payload))
        if not (api.records or api.rows_from or api.columnar) and _is_an_object(rows):
            around = rows
            rows_at = rows_at or _rows_in(api, rows[0])
            if rows_at is not None:
                rows = [row for found in values_at(rows[0], rows_at) for row in _as_rows(found)]
                is_spent = bool(last and around and not rows)
    except PayloadError as error:
        raise CollectionError(f"{payload.source_url}: page {number} cannot be read: {error}") from None
    return Page(number, rows, rows_before, document, payload.next_url, rows_at, is_spent)


def _content(api: ApiConfig, body: bytes) -> tuple[Sequence[Any], JsonValue]:
    """The records of a page, and the document they stand in."""
    if api.format == "csv":
        return read_csv_rows(body, api.skip_rows)[1], None
    document = decode_xml(body) if api.format == "xml" else decode_json(body)
    if api.columnar:
        columns = [value for value in values_at(document, api.columnar) if isinstance(value, dict)]
        lists = [value for column in columns for value in column.values() if isinstance(value, list)]
        return list(zip(*lists, strict=False)), document
    records = api.rows_from or api.records
    if records is not None:
        return walk_to_records(document, records), document
    return find_records(document)[0], document


def text_body(api: ApiConfig, payload: Payload) -> bytes:
    """The body of a payload as its format is read: JSON and CSV in UTF-8; XML and archives say it themselves.

    Raises:
        PayloadError: Where it is not in the charset that it is said to be in.
    """
    return as_utf8(payload.body, payload.charset) if api.format in {"json", "csv"} else payload.body


def _is_an_object(rows: Sequence[Any]) -> bool:
    return len(rows) == 1 and isinstance(rows[0], dict)


def _rows_in(api: ApiConfig, record: dict[str, Any]) -> tuple[str, ...] | None:
    """Where in a page that is one record its rows are: in its one list of objects, as for tabulating.

    Returns:
        None where it has none.

    Raises:
        PayloadError: Where it cannot be told which of its lists they are, and paging goes by their number.
    """
    lists = dict(_lists_in(record, ()))
    of_objects = [path for path, items in lists.items() if any(isinstance(item, dict) for item in items)]
    if len(of_objects) == 1:
        return of_objects[0]
    if any(lists.values()) and isinstance(api.pagination, OffsetPagination | PagePagination):
        raise PayloadError(
            'it holds several lists, or none of objects: say where its rows are, with "records"'
        )
    return None


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
        if isinstance(value, str | int | float) and value is not False and (text := str(value).strip()):
            return text
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
