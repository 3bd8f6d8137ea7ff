"""The paths of records, surveyed before their columns are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Path = tuple[str, ...]


@dataclass(slots=True, eq=False)
class Column:
    """The values of one path over the rows written so far; short where the last rows have none."""

    path: Path
    values: list[Any] = field(default_factory=list)
    sources: set[PathNode] = field(default_factory=set)
    """The nodes whose values stand here: an element and its own `$` share a column."""

    @property
    def is_wanted(self) -> bool:
        """False where a path was only ever empty and its fields have columns of their own."""
        return any(value is not None for value in self.values) or any(
            not source.has_fields for source in self.sources
        )


@dataclass(slots=True, eq=False)
class PathNode:
    """One path from the record, over all records."""

    path: Path
    children: dict[str, PathNode] = field(default_factory=dict)
    is_exploded: bool = False
    is_container: bool = False
    """Some record has a list or an object here."""
    holds_objects: bool = False
    """Some record has a list with objects in it here."""
    has_fields: bool = False
    """Some object here was written field by field."""
    column: Column | None = None

    def child(self, key: str) -> PathNode:
        """Return the node one key further down, made where it is new."""
        if key not in self.children:
            self.children[key] = PathNode((*self.path, key))
        return self.children[key]

    def find(self, path: Path) -> PathNode:
        """Return the node at a path, made where it is new."""
        node = self
        for key in path:
            node = node.child(key)
        return node

    def object_lists(self) -> Iterator[PathNode]:
        """Go through the paths below this one that hold lists of objects, first seen first."""
        for node in self.children.values():
            if node.holds_objects:
                yield node
            yield from node.object_lists()


def survey_records(parts: Sequence[list[Any]], explode: Sequence[Path]) -> PathNode:
    """Find the paths that hold objects and lists, over all records and the items of exploded lists.

    Args:
        parts: rows as found in the documents.
        explode: the lists that will be turned into rows.

    Returns:
        The node of the record itself.
    """
    root = PathNode((), is_exploded=True)
    for path in explode:
        root.find(path).is_exploded = True
    for records in parts:
        _survey_list(root, records)
    return root


def _survey_list(node: PathNode, items: list[Any]) -> None:
    for item in items:
        if type(item) is dict:
            node.holds_objects = True
            if not node.is_exploded:
                return
            _survey_object(node, item)


def _survey_object(node: PathNode, record: dict[str, Any]) -> None:
    for key, value in record.items():
        kind = type(value)
        if kind is dict:
            child = node.child(key)
            child.is_container = True
            _survey_object(child, value)
        elif kind is list:
            child = node.child(key)
            child.is_container = True
            _survey_list(child, value)
