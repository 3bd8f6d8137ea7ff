"""The payloads of one API to one table, as their layout says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from flows.documents.archive import MemberFormat, archive_members
from flows.documents.csv_document import read_csv_rows
from flows.documents.errors import DocumentError, show_path
from flows.documents.json_document import decode_json
from flows.documents.record_search import absent_key
from flows.documents.xml_document import decode_xml
from flows.tabulation.column_types import MAX_EXACT_INTEGER
from flows.tabulation.cut_columns import tabulate_cut_lists, tabulate_cut_rows
from flows.tabulation.cut_csv import tabulate_cut_csv
from flows.tabulation.flat_columns import (
    FlatRows,
    header_and_rows,
    lists_side_by_side,
    tabulate_flat,
    transposed,
)
from flows.tabulation.garbage_pause import no_garbage_sought
from flows.tabulation.record_columns import MAX_PADDING, MAX_REPEATED_CHARACTERS
from flows.tabulation.record_tabulation import (
    RecordsTable,
    explode_chain,
    records_in,
    tabulate_records,
)
from flows.tabulation.stencilled_records import tabulate_stencilled_records
from flows.tabulation.stencilled_xml import tabulate_stencilled_xml
from flows.tabulation.table import Finding, Layout, Part, Table
from flows.tabulation.uniform_records import tabulate_uniform_records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.documents.json_document import JsonValue
    from flows.tabulation.table import QuickTable


_ROWS_OF_FILE = "rows of the file"
UNIFORM_MIN_BYTES = 32_768
"""Below this, deriving a typed decoder costs more than it saves."""


@no_garbage_sought()
def tabulate(parts: Sequence[Part], layout: Layout) -> Table:
    """Turn payloads into one flat table, as if their records had stood in one; no value of them is lost.

    Finding records, in JSON and XML: from the top, step through objects of a single key, down to a list
    (its items are rows) or to an object that is itself the one row. An empty body, `""`, null, `{}`, `[]`
    or, under `records`, a missing key is no rows. An item that is no object is a row with the column
    `value`.

    Columns: nested objects join their keys with `_`; as in the ISO's API, `@X` under `P` is `P_X` and `$`
    under `P` is `P`. Columns stand in the order first seen over all records; null, `{}`, missing, and
    `""` where other records hold a list or an object, are empty. Types: see `typed_series`.

    Nested lists: where exactly one path of the records (outside other lists) holds lists of objects, it
    is exploded: a row for each item, in columns prefixed by the path, the record's own fields repeated;
    an empty or missing list keeps one row. All other lists are compact JSON text in their column, as is
    an object where other records hold a list of objects. `explode` names the lists to explode instead,
    all on one line, such as `["MarketDay"]` and `["MarketDay", "Weather", "CityWeather"]`.

    CSV, `columns_from` with `rows_from`, and `columnar`: columns by their names; one that a payload lacks
    is empty on its rows. The labels of the parts are columns in front, but for those that have a
    column's name already.

    Returns:
        A frame with one row per record or exploded item; no rows is a frame without columns.

    Raises:
        DocumentError: When a payload is not what its format says, has no records where they are said to
            be, or `explode` names lists side by side.
    """
    table = _tabulate(parts, layout)
    path = layout.records or layout.rows_from or layout.columnar
    if table.frame.height or path is None or layout.format not in {"json", "xml"}:
        return table
    decode = _decoder(layout)
    absent = next(filter(None, (absent_key(decode(part.body), path) for part in parts)), None)
    if absent is None:
        return table
    return replace(table, findings=(*table.findings, Finding("warning", "path-not-found", absent)))


def _tabulate(parts: Sequence[Part], layout: Layout) -> Table:
    if layout.format == "zip":
        return _tabulate_archives(parts, layout)
    if layout.format == "csv":
        quick = _tabulate_quickly(parts, lambda body: tabulate_cut_csv(body, layout.skip_rows, _ROWS_OF_FILE))
        return quick or _flat(
            parts, lambda body: transposed(*read_csv_rows(body, layout.skip_rows)), _ROWS_OF_FILE, True
        )
    columns_from, rows_from, columnar = layout.columns_from, layout.rows_from, layout.columnar
    if columns_from is not None and rows_from is not None:
        quick = _tabulate_quickly(parts, lambda body: tabulate_cut_rows(body, columns_from, rows_from))
        return quick or _flat(
            parts,
            lambda body: header_and_rows(decode_json(body), columns_from, rows_from),
            show_path(rows_from),
            False,
        )
    if columnar is not None:
        quick = _tabulate_quickly(parts, lambda body: tabulate_cut_lists(body, columnar))
        return quick or _flat(
            parts, lambda body: lists_side_by_side(decode_json(body), columnar), show_path(columnar), False
        )
    return _tabulate_trees(parts, layout)


def _tabulate_trees(parts: Sequence[Part], layout: Layout) -> Table:
    chain = None if layout.explode is None else explode_chain(layout.explode)
    if layout.format == "json" and not chain:
        quick = _tabulate_quickly(parts, lambda body: _tabulate_alike(body, layout))
        if quick is not None:
            return quick
    if layout.format == "xml" and not chain:
        quick = _tabulate_quickly(parts, lambda body: tabulate_stencilled_xml(body, layout.records))
        if quick is not None:
            return quick
    decode = _decoder(layout)
    found = [records_in(decode(part.body), layout.records) for part in parts]
    path = next((path for rows, path in found if rows), found[0][1] if found else ())
    records = tabulate_records([rows for rows, _ in found], show_path(path), chain)
    if layout.format == "xml":
        table = records.table
        as_text = Table(table.frame, table.records_at, table.findings, is_all_text=True)
        records = RecordsTable(as_text, records.heights)
    return _labelled(records, parts)


def _decoder(layout: Layout) -> Callable[[bytes], JsonValue]:
    return decode_xml if layout.format == "xml" else decode_json


def _tabulate_alike(body: bytes, layout: Layout) -> QuickTable | None:
    return tabulate_stencilled_records(body, layout.records) or tabulate_uniform_records(
        body, layout.records, keeps_all_lists=layout.explode is not None
    )


def _tabulate_quickly(parts: Sequence[Part], way: Callable[[bytes], QuickTable | None]) -> Table | None:
    """The quick way, where every part can go it and their tables fit together exactly."""
    if sum(len(part.body) for part in parts) < UNIFORM_MIN_BYTES:
        return None
    tables: list[QuickTable] = []
    for part in parts:
        table = way(part.body)
        if table is None:
            return None
        tables.append(table)
    first = tables[0]
    frame = first.frame
    for table in tables[1:]:
        # whether lists hold objects is told by findings alone
        is_alike = (table.sources, table.findings) == (first.sources, first.findings)
        joined = _appended(frame, table.frame) if is_alike else None
        if joined is None:
            return None
        frame = joined
    # these bounds are for all payloads together
    if sum(table.repeated_characters for table in tables) > MAX_REPEATED_CHARACTERS:
        return None
    if sum(frame.null_count().row(0)) + frame.height > MAX_PADDING:
        return None
    heights = tuple(table.frame.height for table in tables)
    whole = Table(frame, first.records_at, first.findings, first.is_all_text)
    return _labelled(RecordsTable(whole, heights), parts)


def _appended(upper: pl.DataFrame, lower: pl.DataFrame) -> pl.DataFrame | None:
    """One frame above the other, or None where only the source's text could tell what comes out."""
    if upper.columns != lower.columns:
        return None
    columns: list[pl.Series] = []
    for above, below in zip(upper, lower, strict=True):
        kinds = {series.dtype for series in (above, below) if series.null_count() < len(series)}
        if kinds == {pl.Int64, pl.Float64}:
            if not (_is_exact_as_decimal(above) and _is_exact_as_decimal(below)):
                return None
            kinds = {pl.Float64()}
        if len(kinds) > 1:
            return None
        kind = kinds.pop() if kinds else pl.String()
        columns.append(above.cast(kind).append(below.cast(kind)))
    return pl.DataFrame(columns)


def _is_exact_as_decimal(series: pl.Series) -> bool:
    if series.dtype != pl.Int64 or series.null_count() == len(series):
        return True
    return bool(((series <= MAX_EXACT_INTEGER) & (series >= -MAX_EXACT_INTEGER)).all())


def _tabulate_archives(parts: Sequence[Part], layout: Layout) -> Table:
    members: list[tuple[MemberFormat, Part]] = []
    bytes_left = layout.max_bytes
    for part in parts:
        for member in archive_members(part.body, bytes_left):
            bytes_left -= len(member.body)
            members.append((member.format, Part(member.body, part.labels)))
    formats = {form for form, _ in members}
    if len(formats) > 1:
        raise DocumentError(
            f"the ZIP archive holds documents of unlike formats: {', '.join(sorted(formats))}"
        )
    form = formats.pop() if formats else "csv"
    inner = Layout(form, layout.records, layout.explode, skip_rows=layout.skip_rows)
    return tabulate([part for _, part in members], inner)


def _flat(
    parts: Sequence[Part], read: Callable[[bytes], FlatRows], records_at: str, is_all_text: bool
) -> Table:
    rows = [read(part.body) for part in parts]
    table = tabulate_flat(rows, records_at, is_all_text=is_all_text)
    return _labelled(RecordsTable(table, tuple(part.height for part in rows)), parts)


def _labelled(records: RecordsTable, parts: Sequence[Part]) -> Table:
    """The table with the parts' labels as columns in front."""
    table, heights = records.table, records.heights
    taken = {name.casefold() for name in table.frame.columns}
    names = [name for name, _ in (parts[0].labels if parts else ()) if name.casefold() not in taken]
    if not names or not table.frame.height:
        return table
    labels = [
        pl.concat(
            [
                pl.repeat(dict(part.labels)[name], height, dtype=pl.String, eager=True)
                for part, height in zip(parts, heights, strict=True)
            ]
        ).alias(name)
        for name in names
    ]
    frame = pl.DataFrame([*labels, *table.frame.get_columns()])
    return Table(frame, table.records_at, table.findings, table.is_all_text)
