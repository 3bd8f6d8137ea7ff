"""One page of a paginated response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.documents import JsonValue


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        number: 1 for the first.
        rows: Its records.
        rows_before: The number of records on the pages before it.
        document: The decoded response; None for CSV.
        link: The address of the next page in the HTTP Link header.
        place: The path of the rows in the documents of all pages, where it is not configured.
        around: The last document that had rows there.
        is_past_end: The page has no rows, and the object around them must not be taken for one.
        pages_without_rows: How many pages in a row have none, this one included.
    """

    number: int
    rows: Sequence[Any] = field(repr=False)
    rows_before: int
    document: JsonValue = field(repr=False)
    link: str | None = None
    place: tuple[str, ...] | None = None
    around: JsonValue = field(repr=False, default=None)
    is_past_end: bool = False
    pages_without_rows: int = 0

    @property
    def rows_so_far(self) -> int:
        """The number of records on this page and those before it."""
        return self.rows_before + len(self.rows)
