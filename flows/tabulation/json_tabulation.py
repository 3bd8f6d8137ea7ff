"""JSON payloads to tables: the quick way where every record is alike, the exact way for all others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.documents.errors import PayloadError, show_path
from flows.documents.json_document import decode_json
from flows.documents.record_search import find_records, walk_to_records
from flows.tabulation.column_names import name_columns
from flows.tabulation.column_types import typed_series
from flows.tabulation.plain_records import plain_columns
from flows.tabulation.record_columns import write_columns
from flows.tabulation.record_paths import survey_records
from flows.tabulation.table import Finding, Table
from flows.tabulation.uniform_records import tabulate_uniform_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.documents.json_document import JsonValue
    from flows.tabulation.plain_records import plain_columns
from flows.tabulation.record_paths import Column, Path, PathNode

UNIFORM_MIN_BYTES = 32_768
"""Below this, deriving a typed decoder costs more than it saves."""


def tabulate_json(
    body: bytes,
    *,
    records: Sequence[str] | None = None,
    explode: Sequence[Sequence[str]] | None = None,
) -> Table:
    """Turn a JSON payload into a flat table; no value of its records is lost.

    Finding records: from the top, step through objects of a single key, down to a list (its items are
    rows) or to an object that is itself the one row. An empty body, `""`, null, `{}`, `[]` or, under
    `records`, a missing key is no rows. An item that is no object is a row with the column `value`.

    Columns: nested objects join their keys with `_`; as in the ISO's API, `@X` under `P` is `P_X` and `$`
    under `P` is `P`. Columns stand in the order first seen over all records; null, `{}`, missing, and
    `""` where other records hold a list or an object, are empty. Types: see `typed_series`.

    Nested lists: where exactly one path of the records (outside other lists) holds lists of objects, it
    is exploded: a row for each item, in columns prefixed by the path, the record's own fields repeated;
    an empty or missing list keeps one row. All other lists are compact JSON text in their column, as is
    an object where other records hold a list of objects.

    Args:
        body: the payload as received, decompressed.
        records: keys down to the records, instead of finding them.
        explode: paths (keys from the record) of the lists to explode, instead of the one chosen; all on
            one line, such as `["MarketDay"]` and `["MarketDay", "Weather", "CityWeather"]`. An empty
            sequence explodes nothing.

    Returns:
        A frame with one row per record or exploded item; no rows is a frame without columns.

    Raises:
        PayloadError: when the body is not JSON, has no records where `records` leads, or `explode`
            names lists side by side.
    """
    chain = None if explode is None else explode_chain(explode)
    if len(body) >= UNIFORM_MIN_BYTES and not chain:
        table = tabulate_uniform_records(body, records)
        if table is not None:
            return table
    return tabulate_exactly(body, records=records, explode=chain)


def tabulate_exactly(
    body: bytes, *, records: Sequence[str] | None = None, explode: Sequence[Path] | None = None
) -> Table:
    """Do what `tabulate_json` does, for any document; `explode` is ordered from the outside in."""
    document = decode_json(body)
    rows, path = records_in(document, records)
    # the tree of a large document is heavy; the records are all of it that is needed from here
    del document
    return tabulate_records([rows], show_path(path), explode).table


def records_in(document: JsonValue, records: Sequence[str] | None) -> tuple[list[Any], tuple[str, ...]]:
    """The records of a document, where they are said to be or where they are found, and their path."""
    if records is None:
        return find_records(document)
    return walk_to_records(document, records), tuple(records)


@dataclass(frozen=True, slots=True)
class RecordsTable:
    """The table of several lists of records, and how many of its rows each of them made."""

    table: Table
    heights: tuple[int, ...]


def tabulate_records(
    parts: Sequence[list[Any]], records_at: str, explode: Sequence[Path] | None
) -> RecordsTable:
    """One table of the records of all parts, as if they had stood in one list."""
    if not any(parts):
        return RecordsTable(Table(pl.DataFrame(), records_at), tuple(0 for _ in parts))
    plain = None if explode else plain_columns([record for records in parts for record in records])
    if plain is not None:
        columns, heights = plain, [len(records) for records in parts]
        names, findings = name_columns([column.path for column in columns])
    else:
        root = _survey(parts, explode)
        columns, heights = write_columns(root, parts)
        names, findings = name_columns([column.path for column in columns])
        findings += _findings_on_lists(root, dict(zip(columns, names, strict=True)), explode or ())
    series = [typed_series(name, column.values) for name, column in zip(names, columns, strict=True)]
    frame = pl.DataFrame(series, height=sum(heights))
    return RecordsTable(Table(frame, records_at, tuple(findings)), tuple(heights))


def explode_chain(explode: Sequence[Sequence[str]]) -> list[Path]:
    """The paths to explode, from the outside in.

    Raises:
        PayloadError: Where two of them stand side by side.
    """
    chain = sorted({tuple(path) for path in explode}, key=len)
    if chain and not chain[0]:
        raise PayloadError("explode names an empty path; a path is the keys from the record to a list")
    for outer, inner in pairwise(chain):
        if inner[: len(outer)] != outer:
            message = (
                f"explode names {show_path(outer)} and {show_path(inner)}, lists side by side: "
                "each row of one would repeat every row of the other; name one of them"
            )
            raise PayloadError(message)
    return chain


def _survey(parts: Sequence[list[Any]], explode: Sequence[Path] | None) -> PathNode:
    if explode is not None:
        return survey_records(parts, explode)
    root = survey_records(parts, ())
    candidates = [node.path for node in root.object_lists()]
    return survey_records(parts, candidates) if len(candidates) == 1 else root


def _findings_on_lists(root: PathNode, names: dict[Column, str], explode: Sequence[Path]) -> list[Finding]:
    findings: list[Finding] = []
    kept = [node for node in root.object_lists() if not node.is_exploded and node.column in names]
    if kept:
        columns = ", ".join(names[node.column] for node in kept if node.column is not None)
        message = f"lists of objects are kept as JSON text in {columns}; name one under explode for rows"
        findings.append(Finding("info", "nested-lists-kept", message))
    for path in explode:
        node = root.find(path)
        if node.column is None and not node.is_container:
            message = f"no record has {show_path(path)}, which explode names"
            findings.append(Finding("info", "explode-path-not-found", message))
    return findings
