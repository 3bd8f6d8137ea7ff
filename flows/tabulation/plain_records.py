"""Records without lists to columns, column by column."""

from __future__ import annotations

from itertools import chain
from operator import itemgetter
from types import NoneType
from typing import TYPE_CHECKING, Any

from flows.tabulation.column_names import element_path
from flows.tabulation.record_columns import MAX_COLUMNS, MAX_PADDING
from flows.tabulation.record_paths import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.tabulation.record_paths import Path


def plain_columns(records: Sequence[Any]) -> list[Column] | None:
    """Turn records into columns whose own keys may be missing, and whose nested objects are all alike.

    Returns:
        What `write_columns` gives, in less than half the time; None for lists, items that are no objects, and
        nested objects that lack keys or stand where other records have a value.
    """
    if set(map(type, records)) != {dict}:
        return None
    keys = list(records[0])
    cells = _cells_of(records, keys)
    if cells is None:
        keys = list(dict.fromkeys(chain.from_iterable(records)))
        if len(keys) * len(records) - sum(map(len, records)) > MAX_PADDING:
            return None
        cells = [[record.get(key) for record in records] for key in keys[:MAX_COLUMNS]]
    if not 0 < len(keys) <= MAX_COLUMNS:
        return None
    columns: list[Column] = []
    for key, values in zip(keys, cells, strict=True):
        first = next(record[key] for record in records if key in record)
        if not _add_columns((key,), values, first, columns):
            return None
    return columns if len({column.path for column in columns}) == len(columns) <= MAX_COLUMNS else None


def _cells_of(objects: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[list[Any]] | None:
    """Return the values of each key; None where an object has not exactly these keys."""
    if sum(map(len, objects)) != len(keys) * len(objects):
        return None
    try:
        return [list(map(itemgetter(key), objects)) for key in keys]
    except KeyError:
        return None


def _add_columns(path: Path, values: list[Any], first: Any, columns: list[Column]) -> bool:
    kinds = set(map(type, values))
    if list in kinds:
        return False
    if dict not in kinds:
        columns.append(Column(element_path(path), values))
        return True
    # where an object is null at first, its columns come after those of the record that has it so
    if type(first) is not dict or not first or not kinds <= {dict, NoneType}:
        return False
    empty = dict.fromkeys(first)
    objects = [empty if value is None else value for value in values] if NoneType in kinds else values
    # with the same keys in all, their order is that of the first object
    cells = _cells_of(objects, tuple(first))
    return cells is not None and all(
        _add_columns((*path, key), inner, first[key], columns)
        for key, inner in zip(first, cells, strict=True)
    )
