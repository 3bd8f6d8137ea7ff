"""Records to tables: the quick way where they are flat, the exact way for all others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.documents.errors import DocumentError, show_path
from flows.documents.record_search import find_records, walk_to_records
from flows.tabulation.column_names import name_columns
from flows.tabulation.column_types import typed_series
from flows.tabulation.kept_lists import finding_on_kept_lists
from flows.tabulation.plain_records import plain_columns
from flows.tabulation.record_columns import write_columns
from flows.tabulation.record_paths import survey_records
from flows.tabulation.table import Finding, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.documents.json_document import JsonValue
    from flows.tabulation.record_paths import Column, Path, PathNode


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
    if plain is None:
        return tabulate_records_exactly(parts, records_at, explode)
    return _table(plain, [len(records) for records in parts], records_at)


def tabulate_records_exactly(
    parts: Sequence[list[Any]], records_at: str, explode: Sequence[Path] | None
) -> RecordsTable:
    """The same by the way that records of any kind can go."""
    root = _survey(parts, explode)
    columns, heights = write_columns(root, parts)
    return _table(columns, heights, records_at, lambda names: _findings_on_lists(root, names, explode or ()))


def _table(
    columns: Sequence[Column],
    heights: Sequence[int],
    records_at: str,
    more_findings: Callable[[dict[Column, str]], list[Finding]] = lambda _: [],
) -> RecordsTable:
    names, findings = name_columns([column.path for column in columns])
    findings += more_findings(dict(zip(columns, names, strict=True)))
    series = [typed_series(name, column.values) for name, column in zip(names, columns, strict=True)]
    frame = pl.DataFrame(series, height=sum(heights))
    return RecordsTable(Table(frame, records_at, tuple(findings)), tuple(heights))


def explode_chain(explode: Sequence[Sequence[str]]) -> list[Path]:
    """The paths to explode, from the outside in.

    Raises:
        DocumentError: Where two of them stand side by side.
    """
    chain = sorted({tuple(path) for path in explode}, key=len)
    if chain and not chain[0]:
        raise DocumentError("explode names an empty path; a path is the keys from the record to a list")
    for outer, inner in pairwise(chain):
        if inner[: len(outer)] != outer:
            message = (
                f"explode names {show_path(outer)} and {show_path(inner)}, lists side by side: "
                "each row of one would repeat every row of the other; name one of them"
            )
            raise DocumentError(message)
    return chain


def _survey(parts: Sequence[list[Any]], explode: Sequence[Path] | None) -> PathNode:
    if explode is not None:
        return survey_records(parts, explode)
    root = survey_records(parts, ())
    candidates = [node.path for node in root.object_lists()]
    return survey_records(parts, candidates) if len(candidates) == 1 else root


def _is_kept(node: PathNode) -> bool:
    return node.holds_objects and not node.is_exploded


def _findings_on_lists(root: PathNode, names: dict[Column, str], explode: Sequence[Path]) -> list[Finding]:
    findings: list[Finding] = []
    kept = [node for node in root.object_lists() if not node.is_exploded and node.column in names]
    if kept:
        findings.append(finding_on_kept_lists(names[node.column] for node in kept if node.column is not None))
    for path in explode:
        node = root.find(path)
        if node.column is None and not node.is_container:
            outer = next((path[:end] for end in range(1, len(path)) if _is_kept(root.find(path[:end]))), None)
            message = (
                f"explode names {show_path(path)}, which is inside the list {show_path(outer)}: name that too"
                if outer
                else f"no record has {show_path(path)}, which explode names"
            )
            findings.append(Finding("info", "explode-path-not-found", message))
    return findings
