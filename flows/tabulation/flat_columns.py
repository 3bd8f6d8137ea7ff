"""Responses with named columns: CSV, JSON with a header and rows, JSON with lists of equal length."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

from flows.documents import DocumentError, compact_json, show_path, walk_to_records
from flows.tabulation.column_names import MAX_NAME_LENGTH, unique_names
from flows.tabulation.column_types import typed_series
from flows.tabulation.record_columns import MAX_COLUMNS, MAX_PADDING, MAX_REPEATED_CHARACTERS
from flows.tabulation.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.documents import CsvRows, JsonValue

_NAME_KEY = "name"
# the row that a column of one part begins at, and its values
_Piece: TypeAlias = "tuple[int, Sequence[Any] | pl.Series]"


@dataclass(frozen=True, slots=True)
class FlatRows:
    """Named columns of equal length; a name may stand more than once."""

    names: Sequence[str]
    columns: Sequence[Sequence[Any] | pl.Series]
    """Of text: each a `pl.Series` with null for an empty cell."""
    height: int


def text_rows(csv: CsvRows) -> FlatRows:
    """Turn the rows of a CSV file into columns.

    Raises:
        DocumentError: For more columns than a table has.
    """
    flat = _transposed(csv.names, csv.rows)
    columns = [pl.Series("", [cell or None for cell in column], dtype=pl.String) for column in flat.columns]
    return replace(flat, columns=columns)


def header_and_rows(document: JsonValue, columns_from: Sequence[str], rows_from: Sequence[str]) -> FlatRows:
    """Read JSON with a list of names (or of objects with a `name`) and a list of rows.

    Raises:
        DocumentError: Where there are no names, a row is no list, or has another number of cells.
    """
    rows = walk_to_records(document, rows_from)
    if not rows:
        return FlatRows([], [], 0)
    names = names_at(document, columns_from)
    if not names:
        raise DocumentError(
            f"there are rows at {show_path(rows_from)} but no names at {show_path(columns_from)}"
        )
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            raise DocumentError(f"the row at {show_path((*rows_from, number))} is not a list")
        if len(row) != len(names):
            where = show_path((*rows_from, number))
            raise DocumentError(
                f"the row at {where} has {len(row)} cells where there are {len(names)} columns"
            )
    return _transposed(names, rows)


def names_at(document: JsonValue, columns_from: Sequence[str]) -> list[str]:
    """Return the names of the columns in a document.

    Raises:
        DocumentError: Where one of them is no name.
    """
    return [_name(item, columns_from) for item in walk_to_records(document, columns_from)]


def lists_side_by_side(document: JsonValue, columnar: Sequence[str]) -> FlatRows:
    """Read JSON with one object of equally long lists; a single value in it is on every row.

    Raises:
        DocumentError: Where there is no such object, or its lists differ in length.
    """
    found = walk_to_records(document, columnar)
    if not found:
        return FlatRows([], [], 0)
    where = show_path(columnar)
    if len(found) > 1 or not isinstance(found[0], dict):
        raise DocumentError(f"at {where} there is no object of lists")
    lists = {name: values for name, values in found[0].items() if isinstance(values, list)}
    lengths = {len(values) for values in lists.values()}
    if len(lengths) > 1:
        lengths_shown = ", ".join(f"{name} {len(values)}" for name, values in list(lists.items())[:10])
        raise DocumentError(f"the lists at {where} are not equally long: {lengths_shown}")
    if not lists:
        raise DocumentError(f"the object at {where} holds no lists")
    (height,) = lengths
    single = sum(len(str(value)) for value in found[0].values() if not isinstance(value, list))
    if single * height > MAX_REPEATED_CHARACTERS:
        raise DocumentError(f"the single values at {where} are too long to stand on {height:,} rows")
    columns = [lists.get(name, [value] * height) for name, value in found[0].items()]
    return FlatRows(list(found[0]), columns, height)


def tabulate_flat(parts: Sequence[FlatRows], records_at: str, *, is_all_text: bool) -> Table:
    """Create one table of all parts: columns of one name continue, one that a part lacks is empty there.

    Args:
        parts: In order.
        records_at: Where they were found.
        is_all_text: The format has no types, and the columns are `pl.Series` of text.

    Raises:
        DocumentError: Where there are too many columns, or too many empty cells.
    """
    pieces: dict[tuple[str, int], list[_Piece]] = {}
    height = 0
    for part in parts:
        if not part.height:
            continue
        seen: dict[str, int] = {}
        for name, column in zip(part.names, part.columns, strict=True):
            seen[name] = seen.get(name, 0) + 1
            pieces.setdefault((name, seen[name]), []).append((height, column))
        height += part.height
    if not height:
        return Table(pl.DataFrame(), records_at, is_all_text=is_all_text)
    cells = sum(len(column) for found in pieces.values() for _, column in found)
    if len(pieces) > MAX_COLUMNS or len(pieces) * height - cells > MAX_PADDING:
        raise DocumentError(f"{len(pieces):,} columns in all, too many or too empty for one table")
    # names are taken as they are: "@" and "$" mean nothing here
    names, findings = unique_names([name for name, _ in pieces], [(name,) for name, _ in pieces])
    join = _joined_texts if is_all_text else _joined_values
    series = [join(name, found, height) for name, found in zip(names, pieces.values(), strict=True)]
    return Table(pl.DataFrame(series, height=height), records_at, tuple(findings), is_all_text)


def _transposed(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> FlatRows:
    if len(names) > MAX_COLUMNS:
        raise DocumentError(f"{len(names):,} columns are more than a table has")
    if any(len(name) > MAX_NAME_LENGTH for name in names):
        raise DocumentError(f"a column has a name of more than {MAX_NAME_LENGTH:,} characters")
    return FlatRows(names, list(zip(*rows, strict=True)) if rows else [()] * len(names), len(rows))


def _joined_texts(name: str, pieces: Sequence[_Piece], height: int) -> pl.Series:
    column = pl.Series(name, [], dtype=pl.String)
    for start, values in pieces:
        column = column.extend_constant(None, start - len(column)).append(pl.Series(values))
    return column.extend_constant(None, height - len(column))


def _joined_values(name: str, pieces: Sequence[_Piece], height: int) -> pl.Series:
    column: list[Any] = []
    for start, values in pieces:
        column += [None] * (start - len(column))
        column += values
    column += [None] * (height - len(column))
    if not {dict, list}.isdisjoint(map(type, column)):
        column = [compact_json(value) if isinstance(value, dict | list) else value for value in column]
    return typed_series(name, column)


def _name(item: Any, columns_from: Sequence[str]) -> str:
    name = item.get(_NAME_KEY) if isinstance(item, dict) else item
    if not isinstance(name, str) or not name:
        raise DocumentError(f"at {show_path(columns_from)} there is a column without a name")
    return name
