"""The quick way for CSV without quotes: columns cut from the body, without an object for each cell."""

from __future__ import annotations

import codecs

import polars as pl

from flows.tabulation.column_names import unique_names
from flows.tabulation.cut_columns import are_columns
from flows.tabulation.source_texts import MAX_TEXT, dealt, split_body
from flows.tabulation.table import QuickTable

_MIN_ROWS = 100
"""Below this, cutting out each of many columns takes longer than reading the cells."""
_HEAD_BYTES = 1_000
_OTHER_FORMATS = ("<", "{", "[")
# quotes, line breaks of other kinds, and what the reader may refuse
_NOT_PLAIN = (b'"', b"\r", b"\x00")


def tabulate_cut_csv(body: bytes, skip_rows: int, records_at: str) -> QuickTable | None:
    """Tabulate lines that have as many commas as the header each, and no quotes.

    Args:
        body: The payload.
        skip_rows: Lines before the header.
        records_at: What to say of where the rows are.

    Returns:
        The table that `read_csv_rows` and `tabulate_flat` give, or None where this way cannot vouch for
        that.
    """
    body = body.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n")
    lines = body.split(b"\n", skip_rows + 1)
    if len(lines) < skip_rows + 2 or len(body) > MAX_TEXT or any(byte in body for byte in _NOT_PLAIN):
        return None
    head = body[:_HEAD_BYTES].decode("utf-8", "ignore").lstrip()
    # the lines that are skipped have to be text as well
    split_before = split_body(b"\n".join(lines[:-1]), "\n")
    if len(split_before) != skip_rows + 1 or not head or head.startswith(_OTHER_FORMATS):
        return None
    names = [name or f"column_{number}" for number, name in enumerate(split_before.item(-1).split(","), 1)]
    # an empty name may be that of no column
    if names[-1] == f"column_{len(names)}" or not are_columns(names):
        return None
    columns = _columns(lines[-1].removesuffix(b"\n"), len(names))
    if columns is None:
        return None
    unique, findings = unique_names(names, [(name,) for name in names])
    series = [column.alias(name) for name, column in zip(unique, columns, strict=True)]
    sources = tuple((name,) for name in names)
    return QuickTable(pl.DataFrame(series), records_at, tuple(findings), True, sources)


def _columns(rows: bytes, width: int) -> list[pl.Series] | None:
    """The cells of rows; None where one is empty, or has another number of them."""
    lines = split_body(rows, "\n")
    # an empty line is no row, but would be a cell
    if len(lines) < _MIN_ROWS or lines.str.len_bytes().min() == 0:
        return None
    if not (lines.str.count_matches(",", literal=True) == width - 1).all():
        return None
    cells = split_body(rows.replace(b"\n", b","), ",")
    columns = dealt(cells, width)
    shortest = pl.DataFrame(columns).select(pl.all().str.len_bytes().min()).row(0)
    return [
        column if size else column.set(column == "", None)
        for column, size in zip(columns, shortest, strict=True)
    ]
