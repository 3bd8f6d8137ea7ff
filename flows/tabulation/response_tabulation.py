"""The responses of one API to one table, as their layout says."""

from __future__ import annotations

import itertools
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.documents import CsvRows, Document, DocumentError, show_name, show_path
from flows.documents.csv_checks import refuse_unlike_headers
from flows.documents.csv_document import other_delimiter
from flows.documents.record_search import absent_key
from flows.tabulation.flat_columns import (
    FlatRows,
    header_and_rows,
    lists_side_by_side,
    tabulate_flat,
    text_rows,
)
from flows.tabulation.plain_csv import read_plain_csv
from flows.tabulation.record_tabulation import (
    explode_chain,
    records_in,
    tabulate_records,
)
from flows.tabulation.table import Finding, Layout, Part, RecordsTable, Table
from flows.tabulation.typed_records import typed_records

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_NAMES = 10
_Labels = tuple[tuple[str, str], ...]


def tabulate(parts: Sequence[Part], layout: Layout) -> Table:
    """Tabulate responses into one flat table, as if their records had been in one; no value is lost.

    Records, in JSON and XML: from the top, step through objects of a single key, down to a list (its
    items are rows) or to an object that is itself the one row. An empty body, `""`, null, `{}`, `[]` or,
    under `records`, a missing key is no rows. An item that is no object is a row with the column `value`.

    Columns: nested objects join their keys with `_`; as in the ISO's API, `@X` under `P` is `P_X` and `$`
    under `P` is `P`. Columns are in the order first seen over all records; null, `{}`, missing, and
    `""` where other records have a list or an object, are empty. Types: see `typed_series`.

    Nested lists: where exactly one path of the records (outside other lists) has lists of objects, it
    is exploded: a row for each item, in columns prefixed by the path, the record's own fields repeated;
    an empty or missing list keeps one row. All other lists are compact JSON text in their column, as is
    an object where other records have a list of objects. `explode` names the lists to explode instead,
    all on one line, such as `["MarketDay"]` and `["MarketDay", "Weather", "CityWeather"]`.

    CSV, `columns_from` with `rows_from`, and `columnar`: columns by their names; one that a response
    lacks is empty on its rows. The labels of the parts are columns in front, except those that a column of
    the name holds already; where that column is empty or differs, the label's has a suffix (`zone_2`).

    Args:
        parts: The responses. What is decoded of a `Document` is used and then freed.
        layout: Where they have their records.

    Returns:
        A frame with one row per record or exploded item; without rows it has no columns.

    Raises:
        DocumentError: When a response is not what its format says, has no records where they are
            configured, or `explode` names lists side by side.
    """
    documents = [part.document(layout) for part in parts]
    labels = [part.labels for part in parts]
    table = _tabulate(documents, labels, layout)
    path = layout.records or layout.rows_from or layout.columnar
    if table.frame.height or path is None or layout.format not in {"json", "xml"}:
        return table
    decoded = (document.value() for document in documents if document.form == layout.format)
    absent = next(filter(None, (absent_key(value, path) for value in decoded)), None)
    if absent is None:
        return table
    return replace(table, findings=(*table.findings, Finding("warning", "path-not-found", absent)))


def _tabulate(documents: Sequence[Document], labels: Sequence[_Labels], layout: Layout) -> Table:
    columns_from, rows_from, columnar = layout.columns_from, layout.rows_from, layout.columnar
    if any(document.form == "zip" or document.form != layout.format for document in documents):
        return _tabulate_archives(documents, labels, layout)
    if layout.format == "csv":
        rows = [_csv_rows(document) for document in documents]
        table = tabulate_flat(rows, "rows of the file", is_all_text=True)
        other = other_delimiter(table.frame.columns)
        if other:
            width = "one column" if table.frame.width == 1 else f"{table.frame.width} columns"
            finding = Finding("warning", "csv-delimiter", f"the CSV was read as {width}{other}")
            table = replace(table, findings=(*table.findings, finding))
    elif columns_from is not None and rows_from is not None:
        rows = [header_and_rows(_taken(document), columns_from, rows_from) for document in documents]
        table = tabulate_flat(rows, show_path(rows_from), is_all_text=False)
    elif columnar is not None:
        rows = [lists_side_by_side(_taken(document), columnar) for document in documents]
        table = tabulate_flat(rows, show_path(columnar), is_all_text=False)
    else:
        return _labelled(_tabulate_records(documents, layout), labels)
    return _labelled(RecordsTable(table, tuple(part.height for part in rows)), labels)


def _tabulate_records(documents: Sequence[Document], layout: Layout) -> RecordsTable:
    chain = None if layout.explode is None else explode_chain(layout.explode)
    is_json = layout.format != "xml"
    if is_json and not chain and not all(document.is_decoded for document in documents):
        typed = typed_records([document.readable_body() for document in documents], layout.records)
        if typed is not None:
            return typed
    found = [records_in(_taken(document), layout.records) for document in documents]
    path = next((path for rows, path in found if rows), found[0][1] if found else ())
    records = tabulate_records([rows for rows, _ in found], show_path(path), chain)
    return records if is_json else replace(records, table=replace(records.table, is_all_text=True))


def _tabulate_archives(documents: Sequence[Document], labels: Sequence[_Labels], layout: Layout) -> Table:
    """Tabulate the members of archives, and documents that are none where archives were expected."""
    parts: list[Part] = []
    counts: list[int] = []
    left_out: list[str] = []
    bytes_left = layout.max_bytes
    for document, its_labels in zip(documents, labels, strict=True):
        members = document.members(bytes_left)
        bytes_left -= sum(len(member.body) for member in members)
        refuse_unlike_headers(members)
        parts += [Part(member, its_labels) for member in members]
        counts.append(len(members))
        left_out += document.left_out
        if document.form == "zip":
            document.forget()
    formats = {part.document(layout).form for part in parts}
    if len(formats) > 1:
        raise DocumentError(
            f"the ZIP archive holds documents of unlike formats: {', '.join(sorted(formats))}"
        )
    form = formats.pop() if formats else "csv"
    table = tabulate(parts, replace(layout, format=form))
    of_members = iter(table.rows_of_parts)
    table = replace(table, rows_of_parts=tuple(sum(islice(of_members, count)) for count in counts))
    if not left_out:
        return table
    shown = ", ".join(map(show_name, left_out[:_MAX_NAMES])) + (", …" if left_out[_MAX_NAMES:] else "")
    message = f"{len(left_out)} files of the ZIP archive are not read: {shown}"
    return replace(table, findings=(*table.findings, Finding("warning", "files-not-read", message)))


def _csv_rows(document: Document) -> FlatRows:
    if not document.is_decoded:
        plain = read_plain_csv(document.readable_body(), document.skip_rows)
        if plain is not None:
            return FlatRows(*plain, len(plain[1][0]))
    rows: CsvRows = _taken(document)
    return text_rows(rows)


def _taken(document: Document) -> Any:
    """Return the decoded value of a document, which does not keep it."""
    value = document.value()
    document.forget()
    return value


def _labelled(records: RecordsTable, labels: Sequence[_Labels]) -> Table:
    """Put the labels of the parts in front, as columns."""
    heights = records.heights
    table = replace(records.table, rows_of_parts=heights)
    if not table.frame.height:
        return table
    columns: list[pl.Series] = []
    findings: list[Finding] = []
    taken = {name.casefold() for name in table.frame.columns}
    for name, _ in labels[0] if labels else ():
        values = [dict(of_part)[name] for of_part in labels]
        repeated = [
            pl.repeat(value, height, dtype=pl.String, eager=True)
            for value, height in zip(values, heights, strict=True)
        ]
        column = pl.concat(repeated).alias(name)
        namesakes = [each for each in table.frame.get_columns() if each.name.casefold() == name.casefold()]
        is_only = len(set(values)) == 1
        if any(_tells(each, column, is_only_label=is_only) for each in namesakes):
            continue
        if namesakes:
            column = column.alias(_free_name(name, taken))
            message = (
                f"the column {namesakes[0].name!r} does not hold the values of the placeholder {name!r}, "
                f"which are in {column.name!r}"
            )
            findings.append(Finding("warning", "label-renamed", message))
        taken.add(column.name.casefold())
        columns.append(column)
    frame = pl.DataFrame([*columns, *table.frame.get_columns()]) if columns else table.frame
    return replace(table, frame=frame, findings=(*table.findings, *findings))


def _tells(column: pl.Series, label: pl.Series, *, is_only_label: bool) -> bool:
    """Whether a column says of each row what a label says; where there is one label only, any value does."""
    if is_only_label and not column.has_nulls():
        return True
    return column.cast(pl.String).eq_missing(label).all()


def _free_name(name: str, taken: set[str]) -> str:
    numbered = (f"{name}_{number}" for number in itertools.count(2))
    return next(each for each in numbered if each.casefold() not in taken)
