"""The quick way for records without lists in them, whatever the types of their values."""

from __future__ import annotations

from itertools import chain
from types import NoneType
from typing import TYPE_CHECKING, Any

from flows.tabulation.column_names import element_path
from flows.tabulation.record_columns import MAX_COLUMNS, MAX_PADDING
from flows.tabulation.record_paths import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.tabulation.record_paths import Path


def plain_columns(records: Sequence[Any]) -> list[Column] | None:
    """The columns of records whose own keys may be missing, and whose nested objects are all alike.

    Returns:
        What `write_columns` gives, or None where this way cannot vouch for that: lists, items that
        are no objects, and nested objects that are missing keys or stand where others have a value.
    """
    if set(map(type, records)) != {dict}:
        return None
    keys = list(dict.fromkeys(chain.from_iterable(records)))
    if not 0 < len(keys) <= MAX_COLUMNS:
        return None
    if len(keys) * len(records) - sum(map(len, records)) > MAX_PADDING:
        return None
    columns: list[Column] = []
    for key in keys:
        first = next(record[key] for record in records if key in record)
        if not _add_columns((key,), [record.get(key) for record in records], first, columns):
            return None
    return columns if len({column.path for column in columns}) == len(columns) <= MAX_COLUMNS else None


def _add_columns(path: Path, values: list[Any], first: Any, columns: list[Column]) -> bool:
    kinds = set(map(type, values))
    if list in kinds:
        return False
    if dict not in kinds:
        columns.append(Column(element_path(path), values))
        return True
    # where an object is null at first, its columns come after those of the record that has it so
    if type(first) is not dict or not kinds <= {dict, NoneType}:
        return False
    keys = tuple(first)
    # where all keys come together, their order is that of the first object
    if not keys or any(value is not None and tuple(value) != keys for value in values):
        return False
    empty = dict.fromkeys(keys)
    filled = [empty if value is None else value for value in values] if NoneType in kinds else values
    return all(
        _add_columns((*path, key), [value[key] for value in filled], first[key], columns) for key in keys
    )
