"""Records of any shape to columns of scalars, one value a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.documents import DocumentError, compact_json
from flows.tabulation.column_names import TEXT_KEY
from flows.tabulation.record_paths import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.tabulation.record_paths import PathNode

MAX_COLUMNS = 5_000
"""More are not a table but records that differ in all their keys."""
MAX_PADDING = 50_000_000
"""Empty cells, for which other records have a value; a bound on memory."""
MAX_REPEATED_CHARACTERS = 500_000_000
"""Of the values that exploding a list repeats on each of its rows."""


def write_columns(root: PathNode, parts: Sequence[list[Any]]) -> tuple[list[Column], list[int]]:
    """Write every record as one row, or as one row for each item of its exploded list.

    Args:
        root: The paths of the records, from `survey_records`.
        parts: The records, in as many lists as there are responses.

    Returns:
        The columns, first seen first, padded to the same length, and the number of rows of each part.

    Raises:
        DocumentError: Where the records have so little in common that a table would be mostly empty.
    """
    writer = _RowWriter(root)
    heights: list[int] = []
    for records in parts:
        heights.append(writer.write_items(root, records, sum(heights)) if records else 0)
    height = sum(heights)
    columns = [column for column in writer.columns if column.is_wanted]
    writer.check_padding(sum(height - len(column.values) for column in columns))
    for column in writer.columns:
        # nodes and columns refer to each other: without this, values would stay until a garbage collection
        column.sources.clear()
    for column in columns:
        column.values.extend([None] * (height - len(column.values)))
    return columns, heights if columns else [0] * len(heights)


class _RowWriter:
    def __init__(self, root: PathNode) -> None:
        self.columns: list[Column] = []
        self._root = root
        self._padding = 0
        self._repeated = 0

    def check_padding(self, cells: int) -> None:
        """Count cells that are about to be left empty, and refuse too many."""
        self._padding += cells
        if self._padding > MAX_PADDING:
            message = (
                f"the records have {len(self.columns):,} different fields, few of them in each: "
                f"a table of them would hold more than {MAX_PADDING:,} empty cells"
            )
            raise DocumentError(message)

    def write_items(self, node: PathNode, items: list[Any], first_row: int) -> int:
        """Write the items of an exploded list from a row on; return the number of rows taken."""
        row = first_row
        for item in items:
            if type(item) is dict:
                row += self._write_level(node, item, row)
            else:
                self._write_item(node, item, row)
                row += 1
        if not items:
            self._column_of(node)
        return max(1, row - first_row)

    def _write_level(self, node: PathNode, record: dict[str, Any], row: int) -> int:
        written: list[Column] = []
        rows = self._write_fields(node, record, row, written)
        if rows > 1:
            self._check_repetition(written, rows - 1)
            for column in written:
                column.values.extend([column.values[-1]] * (rows - 1))
        return rows

    def _write_fields(self, node: PathNode, record: dict[str, Any], row: int, written: list[Column]) -> int:
        """Write one object's fields into a row; return the rows that a list exploded in it takes."""
        rows = 1
        children = node.children
        for key, value in record.items():
            child = children.get(key) or node.child(key)
            kind = type(value)
            if kind is dict or kind is list:
                rows = max(rows, self._write_container(child, value, row, written))
                continue
            column = child.column or self._column_of(child)
            if value is None or (value == "" and child.is_container):
                continue
            values = column.values
            if len(values) < row:
                self._pad(values, row)
            values.append(value)
            written.append(column)
        if record:
            node.has_fields = True
        return rows

    def _write_container(
        self, node: PathNode, value: dict[str, Any] | list[Any], row: int, written: list[Column]
    ) -> int:
        if node.is_exploded:
            return self.write_items(node, value if isinstance(value, list) else [value], row)
        if isinstance(value, dict):
            if value and not node.holds_objects:
                return self._write_fields(node, value, row, written)
            if not value:
                self._column_of(node)
                return 1
        written.append(self._append(node, compact_json(value), row))
        return 1

    def _write_item(self, node: PathNode, item: str | bool | list[Any] | None, row: int) -> None:
        if item is None or (item == "" and node.holds_objects):
            if node is not self._root:
                self._column_of(node)
            return
        self._append(node, compact_json(item) if isinstance(item, list) else item, row)

    def _append(self, node: PathNode, value: str | bool, row: int) -> Column:
        column = self._column_of(node)
        self._pad(column.values, row)
        column.values.append(value)
        return column

    def _check_repetition(self, columns: list[Column], times: int) -> None:
        self._repeated += times * sum(len(str(column.values[-1])) for column in columns)
        if self._repeated > MAX_REPEATED_CHARACTERS:
            message = (
                f"exploding a list would repeat more than {MAX_REPEATED_CHARACTERS:,} characters of the "
                'records it stands in; "explode": [] keeps lists in their columns'
            )
            raise DocumentError(message)

    def _pad(self, values: list[Any], row: int) -> None:
        self.check_padding(row - len(values))
        values.extend([None] * (row - len(values)))

    def _column_of(self, node: PathNode) -> Column:
        if node.column is None:
            if node.path[-1:] == (TEXT_KEY,):
                node.column = self._column_of(self._root.find(node.path[:-1]))
            else:
                if len(self.columns) == MAX_COLUMNS:
                    raise DocumentError(f"the records have more than {MAX_COLUMNS:,} different fields")
                node.column = Column(node.path)
                self.columns.append(node.column)
        node.column.sources.add(node)
        return node.column
