"""What tabulation takes and returns: parts, their layout, and a table with findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from flows.documents import Document, DocumentFormat
from flows.tabulation.text_numbers import read_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a reader should know about a table; it is stored nonetheless."""

    severity: Literal["info", "warning"]
    code: str
    """Kebab case; stable, for programs."""
    message: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a response has its records; the configuration's keys of the same names."""

    format: DocumentFormat = "json"
    records: Sequence[str] | None = None
    explode: Sequence[Sequence[str]] | None = None
    columns_from: Sequence[str] | None = None
    rows_from: Sequence[str] | None = None
    columnar: Sequence[str] | None = None
    skip_rows: int = 0
    max_bytes: int = 512_000_000
    """The most that the documents of all archives may have together, unpacked."""


@dataclass(frozen=True, slots=True)
class Part:
    """One response of those that make a table: a page, or the response for one combination of `values`."""

    content: bytes | Document = field(repr=False)
    """The body, or a document that may have been decoded already."""
    labels: tuple[tuple[str, str], ...] = ()
    """Columns that name the combination, the same on all rows of the part."""

    def document(self, layout: Layout) -> Document:
        """Return the content as a document."""
        if isinstance(self.content, Document):
            return self.content
        return Document(self.content, layout.format, skip_rows=layout.skip_rows)


@dataclass(frozen=True, slots=True)
class Table:
    """A flat table: rows are records, columns are the leaves of their paths."""

    frame: pl.DataFrame
    """Columns are Int64, Float64, Boolean or String; no nested types."""
    records_at: str
    """Where the records were found, for messages: `HourlyLmps > HourlyLmp`."""
    findings: tuple[Finding, ...] = ()
    is_all_text: bool = False
    """The format has no types (CSV, XML): every column is the source's text."""
    rows_of_parts: tuple[int, ...] = ()
    """How many of its rows are of each part."""

    def typed(self) -> pl.DataFrame:
        """Return the frame with columns of numbers as numbers, also where the format has no types."""
        return read_numbers(self.frame) if self.is_all_text else self.frame


@dataclass(frozen=True, slots=True)
class RecordsTable:
    """The table of several parts, and how many of its rows are of each part."""

    table: Table
    heights: tuple[int, ...]
