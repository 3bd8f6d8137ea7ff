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
        if not _add_columns((key,), [record.get(key) for record in records], columns):
            return None
    return columns if len({column.path for column in columns}) == len(columns) <= MAX_COLUMNS else None


def _add_columns(path: Path, values: list[Any], columns: list[Column]) -> bool:
    kinds = set(map(type, values))
    if list in kinds:
        return False
    if dict not in kinds:
        columns.append(Column(element_path(path), values))
        return True
    if not kinds <= {dict, NoneType}:
        return False
    objects = [value for value in values if value is not None]
    first = tuple(objects[0])
    # where all keys come together, their order is that of the first object
    if not first or any(tuple(value) != first for value in objects):
        return False
    empty = dict.fromkeys(first)
    filled = [empty if value is None else value for value in values] if NoneType in kinds else objects
    return all(_add_columns((*path, key), [value[key] for value in filled], columns) for key in first)
