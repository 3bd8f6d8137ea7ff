"""Records of decoded documents to a table."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.documents import DocumentError, find_records, show_path, walk_to_records
from flows.tabulation.column_names import name_columns
from flows.tabulation.column_types import typed_series
from flows.tabulation.plain_records import plain_columns
from flows.tabulation.record_columns import write_columns
from flows.tabulation.record_paths import survey_records
from flows.tabulation.table import Finding, RecordsTable, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.documents import JsonValue
    from flows.tabulation.record_paths import Column, Path, PathNode


def records_in(document: JsonValue, records: Sequence[str] | None) -> tuple[list[Any], tuple[str, ...]]:
    """Return the records of a document and their path, which is searched where none is configured."""
    if records is None:
        return find_records(document)
    return walk_to_records(document, records), tuple(records)


def tabulate_records(
    parts: Sequence[list[Any]], records_at: str, explode: Sequence[Path] | None
) -> RecordsTable:
    """Create one table of the records of all parts, as if they had been one list."""
    if not any(parts):
        return RecordsTable(Table(pl.DataFrame(), records_at), tuple(0 for _ in parts))
    plain = None if explode else plain_columns(list(chain.from_iterable(parts)))
    if plain is not None:
        return _table(plain, [len(records) for records in parts], records_at)
    root = _survey(parts, explode)
    columns, heights = write_columns(root, parts)
    return _table(columns, heights, records_at, lambda names: _findings_on_lists(root, names, explode or ()))


def _table(
    columns: Sequence[Column],
    heights: Sequence[int],
    records_at: str,
    more_findings: Callable[[dict[Column, str]], list[Finding]] = lambda _: [],
) -> RecordsTable:
    """Name the columns and give each its type.

    Args:
        columns: One value a row each.
        heights: The rows of each part.
        records_at: Where the records were found.
        more_findings: Given the columns' names, returns findings besides those on the names.
    """
    names, findings = name_columns([column.path for column in columns])
    findings += more_findings(dict(zip(columns, names, strict=True)))
    series = [typed_series(name, column.values) for name, column in zip(names, columns, strict=True)]
    frame = pl.DataFrame(series, height=sum(heights))
    return RecordsTable(Table(frame, records_at, tuple(findings)), tuple(heights))


def explode_chain(explode: Sequence[Sequence[str]]) -> list[Path]:
    """Sort the paths to explode from the outside in.

    Raises:
        DocumentError: Where two of them stand side by side.
    """
    paths = sorted(dict.fromkeys(map(tuple, explode)), key=len)
    if paths and not paths[0]:
        raise DocumentError("explode names an empty path; a path is the keys from the record to a list")
    for outer, inner in pairwise(paths):
        if inner[: len(outer)] != outer:
            message = (
                f"explode names {show_path(outer)} and {show_path(inner)}, lists side by side: "
                "each row of one would repeat every row of the other; name one of them"
            )
            raise DocumentError(message)
    return paths


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
        listed = ", ".join(names[node.column] for node in kept if node.column is not None)
        message = f"lists of objects are kept as JSON text in {listed}; name one under explode for rows"
        findings.append(Finding("info", "nested-lists-kept", message))
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
