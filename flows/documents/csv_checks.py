"""What shows that a CSV is incomplete, is no CSV, or does not belong to the others of its archive."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from flows.documents.errors import DocumentError, show_head, show_name

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from flows.documents.document import Document

_HEADER_BYTES = 1_000_000
_WORDS_BYTES = 4096
_DELIMITERS = ",;\t|"
_SENTENCE_ENDS = (".", "!", "?")
_LINE_ENDS = (b"\n", b"\r")


def is_last_line_incomplete(body: bytes) -> bool:
    """Return whether the last line alone has no line end, as where a transfer was cut off within a row."""
    return not body.endswith(_LINE_ENDS) and any(end in body for end in _LINE_ENDS)


def plain_words(body: bytes, known_columns: Collection[str] = ()) -> str | None:
    """Return the text of a body that is a short message rather than a table; None for all others.

    A message is a single line that has no delimiter or ends as a sentence does, or two lines of which the
    first has several words and no delimiter.

    Args:
        body: The body, in UTF-8.
        known_columns: Columns that the table is known to have; a first line that is one of them is a header.
    """
    if len(body) > _WORDS_BYTES:
        return None
    text = body.decode("utf-8-sig", "replace").strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or lines[0].casefold() in {name.casefold() for name in known_columns}:
        return None
    has_delimiter = any(delimiter in lines[0] for delimiter in _DELIMITERS)
    if len(lines) == 1:
        is_message = not has_delimiter or text.endswith(_SENTENCE_ENDS)
    else:
        is_message = not lines[2:] and not has_delimiter and " " in lines[0]
    return show_head(text) if is_message else None


def refuse_unlike_headers(members: Sequence[Document]) -> None:
    """Raise a `DocumentError` where CSV members of one archive are not parts of one table.

    A member may lack columns that another has, as where columns were added in the course of a year; each
    having columns that the other lacks, they are different tables.
    """
    headers = [(member, _header(member)) for member in members if member.form == "csv"]
    widest, names_of_widest = max(headers, key=lambda each: len(each[1]), default=(None, frozenset()))
    for member, names in headers:
        if widest is not None and not names <= names_of_widest:
            raise DocumentError(
                f"the CSV documents of the ZIP archive have unlike headers: {show_name(widest.name)} has "
                f"{_shown(names_of_widest - names)}; {show_name(member.name)} has "
                f"{_shown(names - names_of_widest)}"
            )


def _header(document: Document) -> frozenset[str]:
    text = document.body[:_HEADER_BYTES].decode("utf-8-sig", "replace")
    lines = io.StringIO(text, newline="")
    for _ in range(document.skip_rows):
        lines.readline()
    try:
        header = next((row for row in csv.reader(lines) if row), [])
    except csv.Error:
        # its decoder reports it
        header = []
    return frozenset(name.strip().casefold() for name in header) - {""}


def _shown(names: frozenset[str]) -> str:
    return ", ".join(show_name(name) for name in sorted(names)[:5])
