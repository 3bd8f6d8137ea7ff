"""Finds records and values in a decoded document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.documents.errors import DocumentError, show_head, show_path
from flows.documents.json_document import compact_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.documents.json_document import JsonValue

_SHOWN_KEYS = 10


def find_records(document: JsonValue) -> tuple[list[Any], tuple[str, ...]]:
    """Step through objects of a single key down to a list, or to an object that is itself the record.

    The ISO's API writes one record as an object, several as a list, and none as `""`; null, `{}` and
    `[]` are no rows either.

    Returns:
        The rows (objects, or other items of a list) and the keys that lead to them.

    Raises:
        DocumentError: When the whole document is a single text, number, true or false.
    """
    value = document
    path: tuple[str, ...] = ()
    while not _is_empty(value):
        if isinstance(value, list):
            return value, path
        if not isinstance(value, dict):
            raise DocumentError(
                f"the document is a single value, not records: {show_head(compact_json(value))}"
            )
        if len(value) > 1:
            return [value], path
        ((key, inner),) = value.items()
        if not _is_empty(inner) and not isinstance(inner, (dict, list)):
            return [value], path
        value = inner
        path = (*path, key)
    return [], path


def walk_to_records(document: JsonValue, keys: Sequence[str]) -> list[Any]:
    """Follow configured keys to the records; a missing key or something empty on the way is no rows.

    Raises:
        DocumentError: When a list or a value is where an object with the next key should.
    """
    value = document
    for depth, key in enumerate(keys):
        if _is_empty(value):
            return []
        if not isinstance(value, dict):
            there = f"a list of {len(value)}" if isinstance(value, list) else _shown(value)
            message = (
                f"no records at {show_path(keys)}: at {show_path(keys[:depth])} there is {there}, "
                f"not an object with the key {compact_json(key)}"
            )
            raise DocumentError(message)
        value = value.get(key)
    if _is_empty(value):
        return []
    return value if isinstance(value, list) else [value]


def absent_key(document: JsonValue, keys: Sequence[str]) -> str | None:
    """Return a message where an object on the way to the records lacks the configured key, else None."""
    value = document
    for depth, key in enumerate(keys):
        if not isinstance(value, dict) or not value:
            return None
        if key not in value:
            there = ", ".join(show_path([name]) for name in list(value)[:_SHOWN_KEYS]) + (
                ", …" if len(value) > _SHOWN_KEYS else ""
            )
            return f"no rows, since {show_path(keys[:depth])} has no key {compact_json(key)}; it has: {there}"
        value = value[key]
    return None


def values_at(document: JsonValue, path: Sequence[str]) -> list[Any]:
    """Return all values at a path, the items of lists on the way included; [] for none."""
    found = [document]
    for key in path:
        found = [
            item[key]
            for value in found
            for item in (value if isinstance(value, list) else [value])
            if isinstance(item, dict) and key in item
        ]
    return found


def _is_empty(value: JsonValue) -> bool:
    # false and 0 are values
    return value is None or value == "" or value == [] or value == {}


def _shown(value: JsonValue) -> str:
    text = compact_json(value)
    # not cut, since half a secret would not be redacted
    return text if len(text) <= 60 else f"a value of {len(text):,} characters"
