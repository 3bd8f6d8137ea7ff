"""Payloads that are columns already: CSV, JSON with a header and rows, JSON with lists side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.documents.errors import DocumentError, show_path
from flows.documents.json_document import compact_json
from flows.documents.record_search import walk_to_records
from flows.tabulation.column_names import MAX_NAME_LENGTH, unique_names
from flows.tabulation.column_types import typed_series
from flows.tabulation.record_columns import MAX_COLUMNS, MAX_PADDING, MAX_REPEATED_CHARACTERS
from flows.tabulation.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.documents.json_document import JsonValue

_NAME_KEY = "name"


@dataclass(frozen=True, slots=True)
class FlatRows:
    """Named columns of equal length; a name may stand more than once."""

    names: Sequence[str]
    columns: Sequence[Sequence[Any]]
    height: int


def transposed(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> FlatRows:
    """Rows as columns; every row is as long as there are names.

    Raises:
        DocumentError: For more columns than a table has.
    """
    if len(names) > MAX_COLUMNS:
        raise DocumentError(f"{len(names):,} columns are more than a table has")
    if any(len(name) > MAX_NAME_LENGTH for name in names):
        raise DocumentError(f"a column has a name of more than {MAX_NAME_LENGTH:,} characters")
    return FlatRows(names, list(zip(*rows, strict=True)) if rows else [()] * len(names), len(rows))


def header_and_rows(document: JsonValue, columns_from: Sequence[str], rows_from: Sequence[str]) -> FlatRows:
    """JSON with a list of names (or of objects with a `name`) and a list of rows.

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
    return transposed(names, rows)


def names_at(document: JsonValue, columns_from: Sequence[str]) -> list[str]:
    """The names of columns that a document holds.

    Raises:
        DocumentError: Where one of them is no name.
    """
    return [_name(item, columns_from) for item in walk_to_records(document, columns_from)]


def lists_side_by_side(document: JsonValue, columnar: Sequence[str]) -> FlatRows:
    """JSON with one object of equally long lists; a single value in it stands on every row.

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
        told = ", ".join(f"{name} {len(values)}" for name, values in list(lists.items())[:10])
        raise DocumentError(f"the lists at {where} are not equally long: {told}")
    if not lists:
        raise DocumentError(f"the object at {where} holds no lists")
    (height,) = lengths
    single = sum(len(str(value)) for value in found[0].values() if not isinstance(value, list))
    if single * height > MAX_REPEATED_CHARACTERS:
        raise DocumentError(f"the single values at {where} are too long to stand on {height:,} rows")
    columns = [lists.get(name, [value] * height) for name, value in found[0].items()]
    return FlatRows(list(found[0]), columns, height)


def tabulate_flat(parts: Sequence[FlatRows], records_at: str, *, is_all_text: bool) -> Table:
    """One table of all parts: a column of the same name continues, one that is missing is empty.

    Args:
        parts: In order.
        records_at: Where they were found.
        is_all_text: The source has no types; an empty text is an empty cell.
    """
    values: dict[tuple[str, int], list[Any]] = {}
    height = 0
    for part in parts:
        if not part.height:
            continue
        seen: dict[str, int] = {}
        for name, column in zip(part.names, part.columns, strict=True):
            seen[name] = seen.get(name, 0) + 1
            target = values.setdefault((name, seen[name]), [])
            target.extend([None] * (height - len(target)))
            target.extend(column)
        height += part.height
    if not height:
        return Table(pl.DataFrame(), records_at, is_all_text=is_all_text)
    if len(values) > MAX_COLUMNS or len(values) * height - sum(map(len, values.values())) > MAX_PADDING:
        raise DocumentError(f"{len(values):,} columns in all, too many or too empty for one table")
    # names are taken as they are: "@" and "$" mean nothing here
    names, findings = unique_names([name for name, _ in values], [(name,) for name, _ in values])
    series = []
    for name, column in zip(names, values.values(), strict=True):
        column.extend([None] * (height - len(column)))
        series.append(_text_series(name, column) if is_all_text else typed_series(name, _flat(column)))
    return Table(pl.DataFrame(series, height=height), records_at, tuple(findings), is_all_text)


def _text_series(name: str, values: list[str | None]) -> pl.Series:
    return pl.Series(name, [value or None for value in values], dtype=pl.String)


def _flat(values: list[Any]) -> list[Any]:
    return [compact_json(value) if isinstance(value, (dict, list)) else value for value in values]


def _name(item: Any, columns_from: Sequence[str]) -> str:
    name = item.get(_NAME_KEY) if isinstance(item, dict) else item
    if not isinstance(name, str) or not name:
        raise DocumentError(f"at {show_path(columns_from)} there is a column without a name")
    return name
