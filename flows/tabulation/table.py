"""What tabulating hands on: the table, what was noticed on the way, and why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

TOP_OF_DOCUMENT = "top of the document"


class TabulationError(ValueError):
    """A payload that cannot become a table; the message says what is wrong, and where."""


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


def show_path(path: Sequence[str | int]) -> str:
    """Write a JSON path for people: keys as they are, list positions (from 0) in brackets."""
    if not path:
        return TOP_OF_DOCUMENT
    return " > ".join(f"[{step}]" if isinstance(step, int) else step for step in path)
