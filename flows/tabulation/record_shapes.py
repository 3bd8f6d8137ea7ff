"""The shape that records have key by key, learned from the first of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeAlias

from flows.tabulation.column_names import element_path
from flows.tabulation.record_columns import MAX_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.tabulation.record_paths import Path
    from flows.tabulation.table import Source

SAMPLE_BYTES = 65_536
MAX_RECORD_DEPTH = 20
_SAMPLE_RECORDS = 50
_BETWEEN_RECORDS = re.compile(r"[\s,]*")


class Missing:
    """The type of a value that some record may not have, in the shape."""


Leaves: TypeAlias = "tuple[tuple[Path, frozenset[type]], ...]"
"""The leaves of an object in order, each with the types of its values in the first objects.

A number's type is `float` where one of them has a fraction or an exponent, else `int`. A list is one leaf.
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is expected of every record."""

    leaves: Leaves
    exploded: Path | None = None
    """The one leaf with lists of objects that become rows."""
    items: Leaves = ()
    """Of these objects."""

    def sources(self) -> Iterator[Source]:
        """Go through the columns, exploded."""
        for path, kinds in self.leaves:
            if path == self.exploded:
                yield from ((*path, None, *source) for source in Shape(self.items).sources())
            else:
                yield (*path, None) if list in kinds else path


def learn_shape(sample: bytes, *, keeps_all_lists: bool) -> Shape | None:
    """Learn the shape of records from the beginning of their list, cut anywhere.

    Returns:
        The shape, or None where only the exact way knows what table such records make.
    """
    records = list(_whole_records(sample))
    leaves = _learn_leaves(records)
    if leaves is None or len(leaves) >= MAX_COLUMNS:
        return None
    with_objects = [
        path
        for path, kinds in leaves
        if list in kinds and any(type(item) is dict for found in _lists_at(path, records) for item in found)
    ]
    if len(with_objects) != 1 or keeps_all_lists:
        return Shape(leaves)
    (exploded,) = with_objects
    lists = list(_lists_at(exploded, records))
    items = _learn_leaves([item for found in lists for item in found][:_SAMPLE_RECORDS])
    # where the first record has all keys of all items, their columns stand together, in the list's place
    if items is None or not next(_lists_at(exploded, records[:1]), None):
        return None
    # an item's own text would share the column of the list
    if any(Missing in kinds or not element_path(path) for path, kinds in items):
        return None
    return Shape(leaves, exploded, items) if len(leaves) + len(items) < MAX_COLUMNS else None


def _whole_records(sample: bytes) -> Iterator[Any]:
    # a character cut in two at the end of the sample belongs to a record that is cut as well
    text = sample.decode("utf-8", "ignore")
    decoder = json.JSONDecoder()
    position = 0
    for _ in range(_SAMPLE_RECORDS):
        position = _BETWEEN_RECORDS.match(text, position).end()  # type: ignore[union-attr]  # matches ""
        try:
            record, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError:
            break
        yield record


def _learn_leaves(records: list[Any]) -> Leaves | None:
    merged: dict[Path, set[type]] = {}
    lacking: set[Path] = set()
    for number, record in enumerate(records):
        leaves: dict[Path, type] = {}
        if type(record) is not dict or not _add_leaf_types(record, (), leaves):
            return None
        differing = merged.keys() ^ leaves.keys() if number else set()
        # of nested objects only the exact way knows where a further key stands
        if any(len(path) > 1 for path in differing):
            return None
        lacking |= differing
        for path, kind in leaves.items():
            merged.setdefault(path, set()).add(kind)
    for path, kinds in merged.items():
        if float in kinds:
            kinds.discard(int)
        if lacking and len(path) == 1 and (NoneType not in kinds or path in lacking):
            kinds.add(Missing)
    if not merged or not all(map(_is_one_kind, merged.values())):
        return None
    return tuple((path, frozenset(kinds)) for path, kinds in merged.items())


def _is_one_kind(kinds: set[type]) -> bool:
    if list in kinds:
        return kinds <= {list, Missing}
    # null and missing would come out the same, and whether a key stands twice could not be counted
    return len(kinds - {NoneType}) <= 1 or len(kinds - {Missing}) <= 1


def _add_leaf_types(value: dict[str, Any], path: Path, leaves: dict[Path, type]) -> bool:
    """Add the leaves below an object; False where there is something that only the exact way can place."""
    if not value or len(path) == MAX_RECORD_DEPTH:
        return False
    for key, item in value.items():
        if type(item) is not dict:
            leaves[*path, key] = type(item)
        elif not _add_leaf_types(item, (*path, key), leaves):
            return False
    return True


def _lists_at(path: Path, records: list[Any]) -> Iterator[list[Any]]:
    for record in records:
        value = record
        for key in path[:-1]:
            value = value[key]
        if path[-1] in value:
            yield value[path[-1]]
