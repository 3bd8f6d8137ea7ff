"""The quick way for JSON with a header and rows, or with lists side by side: columns cut from the body."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import polars as pl

from flows.documents.errors import DocumentError, show_path
from flows.documents.json_document import decode_json
from flows.documents.record_search import walk_to_records
from flows.tabulation.column_names import MAX_NAME_LENGTH, unique_names
from flows.tabulation.flat_columns import names_at
from flows.tabulation.list_in_body import locate_list
from flows.tabulation.record_columns import MAX_COLUMNS
from flows.tabulation.source_texts import MAX_TEXT, dealt, split_body, typed_columns
from flows.tabulation.table import QuickTable

if TYPE_CHECKING:
    from collections.abc import Sequence

_SAMPLE_BYTES = 65_536
_SPACE = " \t\r\n"
_ROW_BEGINNING = re.compile(rf"[{_SPACE}]*(\[[{_SPACE}]*)")
_SCALAR = r'(?:"(?:[^"\\]|\\.)*"|[-+.0-9eE]+|true|false|null)'
_FIRST_TWO = re.compile(rf"[{_SPACE}]*{_SCALAR}(,[{_SPACE}]*){_SCALAR}")
_LIST = re.compile(rb"\[([^\[\]]*)\]")


def tabulate_cut_rows(
    body: bytes, columns_from: Sequence[str], rows_from: Sequence[str]
) -> QuickTable | None:
    """Tabulate a list of rows that are written alike, under the names of a header.

    Returns:
        The table that the exact way gives, or None where this way cannot vouch for that.
    """
    place = locate_list(body, rows_from)
    if place is None or len(body) > MAX_TEXT:
        return None
    try:
        names = names_at(place.surroundings, columns_from)
        row = _row_style(body[place.start : min(place.end, place.start + _SAMPLE_BYTES)])
    except ValueError:
        return None
    if row is None or len(names) < 2 or not are_columns(names):
        return None
    beginning, separator, ending = row
    before = body[: place.start].split(separator.encode())
    behind = body[place.end :].split(separator.encode())
    pieces = split_body(body, separator)
    height, rest = divmod(len(pieces) - (len(before) - 1) - (len(behind) - 1), len(names))
    if rest or height < 2:
        return None
    columns = dealt(pieces.slice(len(before) - 1, height * len(names)), len(names))
    # the first and the last row are made to stand between others
    first = columns[0].item(0).removeprefix(before[-1].decode()).lstrip(_SPACE)
    last = columns[-1].item(-1).removesuffix(behind[0].decode()).rstrip(_SPACE)
    columns[0] = pl.Series([first]).append(columns[0].slice(1))
    columns[-1] = columns[-1].head(-1).append(pl.Series([last]))
    around = [(beginning, ""), *[("", "")] * (len(names) - 2), ("", ending)]
    return _table(names, columns, around, show_path(rows_from))


def tabulate_cut_lists(body: bytes, columnar: Sequence[str]) -> QuickTable | None:
    """Tabulate an object of equally long lists of scalars, the only lists in the document.

    Returns:
        The table that the exact way gives, or None where this way cannot vouch for that.
    """
    lists = [match[1].strip(_SPACE.encode()) for match in _LIST.finditer(body)]
    if len(body) > MAX_TEXT or not 0 < len(lists) <= MAX_COLUMNS:
        return None
    numbers = iter(range(len(lists)))
    try:
        found = walk_to_records(decode_json(_LIST.sub(lambda _: b"[%d]" % next(numbers), body)), columnar)
    except DocumentError:
        return None
    # every list is one of these, in this order: none was seen in a text, where brackets mean nothing
    if len(found) != 1 or not isinstance(found[0], dict):
        return None
    if list(found[0].values()) != [[number] for number in range(len(lists))]:
        return None
    names = list(found[0])
    columns = [_items(items) for items in lists]
    if not are_columns(names) or {len(column) for column in columns} != {len(columns[0]) or None}:
        return None
    return _table(names, columns, [("", "")] * len(names), show_path(columnar))


def _row_style(sample: bytes) -> tuple[str, str, str] | None:
    """What begins a row, what stands between its cells and between rows, and what ends it."""
    # a character cut in two at the end of the sample belongs to a later row
    text = sample.decode("utf-8", "ignore")
    opening = _ROW_BEGINNING.match(text)
    cells = opening and _FIRST_TWO.match(text, opening.end())
    if not opening or not cells:
        return None
    _, end = json.JSONDecoder().raw_decode(text, opening.start(1))
    ending = text[len(text[: end - 1].rstrip(_SPACE)) : end]
    return (opening[1], cells[1], ending) if text.startswith(cells[1], end) else None


def _items(items: bytes) -> pl.Series:
    cells = _FIRST_TWO.match(items[:_SAMPLE_BYTES].decode("utf-8", "ignore"))
    return split_body(items, cells[1] if cells else ",")


def are_columns(names: Sequence[str]) -> bool:
    """Whether a table may have so many columns, of names so long."""
    return len(names) <= MAX_COLUMNS and all(len(name) <= MAX_NAME_LENGTH for name in names)


def _table(
    names: Sequence[str], columns: Sequence[pl.Series], around: Sequence[tuple[str, str]], found_at: str
) -> QuickTable | None:
    # names are taken as they are: "@" and "$" mean nothing here
    unique, findings = unique_names(names, [(name,) for name in names])
    series = typed_columns(unique, columns, around)
    return None if series is None else QuickTable(pl.DataFrame(series), found_at, tuple(findings))
