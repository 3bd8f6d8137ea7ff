"""What tabulating hands on: the table, what was noticed on the way, and why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a reader should know about a table that was made nonetheless."""

    severity: Literal["info", "warning"]
    code: str
    """Kebab-case and stable, for programs."""
    message: str


@dataclass(frozen=True, slots=True)
class Table:
    """A flat table: rows are records, columns are the leaves of their JSON paths."""

    frame: pl.DataFrame
    """Columns are Int64, Float64, Boolean or String; no nested types."""
    records_at: str
    """Where the records were found, for people: `HourlyLmps > HourlyLmp`."""
    findings: tuple[Finding, ...] = ()
