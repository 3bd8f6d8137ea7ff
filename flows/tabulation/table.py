"""What tabulating hands on: the table, what was noticed on the way, and why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from flows.tabulation.text_numbers import read_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a reader should know about a table that was made nonetheless."""

    severity: Literal["info", "warning"]
    code: str
    """Kebab-case and stable, for programs."""
    message: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the records of a payload stand; the keys of the configuration with these names."""

    format: Literal["json", "csv", "xml", "zip"] = "json"
    records: Sequence[str] | None = None
    explode: Sequence[Sequence[str]] | None = None
    columns_from: Sequence[str] | None = None
    rows_from: Sequence[str] | None = None
    columnar: Sequence[str] | None = None
    skip_rows: int = 0
    max_bytes: int = 512_000_000
    """Of an archive's documents, unpacked."""


@dataclass(frozen=True, slots=True)
class Part:
    """One payload of those that make a table: a page, or the reply for one of several values."""

    body: bytes = field(repr=False)
    labels: tuple[tuple[str, str], ...] = ()
    """Columns, each the same on all of its rows, that tell it from the others."""


@dataclass(frozen=True, slots=True)
class Table:
    """A flat table: rows are records, columns are the leaves of their paths."""

    frame: pl.DataFrame
    """Columns are Int64, Float64, Boolean or String; no nested types."""
    records_at: str
    """Where the records were found, for people: `HourlyLmps > HourlyLmp`."""
    findings: tuple[Finding, ...] = ()
    is_all_text: bool = False
    """Of a source without types (CSV, XML): every column is the source's text."""

    def typed(self) -> pl.DataFrame:
        """The frame with numbers as numbers, also where the source has only text for them."""
        return read_numbers(self.frame) if self.is_all_text else self.frame


Source = tuple[str | None, ...]
"""The keys down to the values of a column, with None for a step into a list."""


@dataclass(frozen=True, slots=True)
class QuickTable(Table):
    """The table of one of several payloads, by a quick way."""

    sources: tuple[Source, ...] = ()
    """Of its columns. Where they are the same in two payloads, their tables fit together; the same names
    alone could be those of other paths, or of lists here and of texts there."""
    repeated_characters: int = 0
    """At most so many were written more than once, as a list was exploded."""
