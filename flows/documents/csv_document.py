"""CSV bytes to a header and rows of text."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from flows.documents.charsets import utf8_text
from flows.documents.errors import DocumentError, is_html, show_head

# the csv module's own limit, 128 kB, is less than some sources put into a cell
_MAX_CELL = 2**31 - 1
_DELIMITERS = {";": "';'", "\t": "a tab", "|": "'|'"}
_JSON_LIST = re.compile(r'\[\s*[\[{"]')


@dataclass(frozen=True, slots=True)
class CsvRows:
    """The rows of a CSV file, each with a cell for each name of the header."""

    names: list[str]
    rows: list[list[str]]


def read_csv_rows(body: bytes, skip_rows: int = 0) -> CsvRows:
    """Read UTF-8 text; a byte order mark is skipped.

    Empty lines are left out, and so is a last column without a name or any value, which a comma at
    the end of each line makes. A column without a name is `column_N`, counted from 1.

    Args:
        body: The body; an empty one has no columns and no rows.
        skip_rows: Lines before the header.

    Raises:
        DocumentError: For invalid UTF-8, another format, quotes that do not pair, and rows that are
            longer or shorter than the header, with the line.
    """
    csv.field_size_limit(_MAX_CELL)
    text = utf8_text(body)
    refuse_other_formats(text)
    lines = io.StringIO(text, newline="")
    for _ in range(skip_rows):
        lines.readline()
    reader = csv.reader(lines, strict=True)
    try:
        numbered = ((skip_rows + reader.line_num, row) for row in reader if row)
        header = next(numbered, (0, []))[1]
        rows = []
        for line, row in numbered:
            if len(row) != len(header):
                raise DocumentError(
                    f"CSV line {line} has {len(row)} cells where the header has {len(header)}"
                    + other_delimiter(header)
                )
            rows.append(row)
    except csv.Error as error:
        raise DocumentError(
            f"invalid CSV at line {skip_rows + reader.line_num}: {error}; the body begins: {show_head(text)}"
        ) from None
    if len(header) > 1 and not header[-1] and not any(row[-1] for row in rows):
        header = header[:-1]
        rows = [row[:-1] for row in rows]
    return CsvRows(column_names(header), rows)


def other_delimiter(header: list[str]) -> str:
    """Say which delimiter a header has where it is not the comma; "" where it is."""
    text = "".join(header)
    name, count = max(
        ((name, text.count(each)) for each, name in _DELIMITERS.items()), key=lambda seen: seen[1]
    )
    # a table without rows has no columns
    if not header or count < len(header):
        return ""
    return f": the header holds {name}, which may be the delimiter; only commas are read as delimiters"


def column_names(header: list[str]) -> list[str]:
    """Return the names of a header, `column_N` for an empty one."""
    return [name or f"column_{number}" for number, name in enumerate(header, 1)]


def refuse_other_formats(text: str) -> None:
    """Raise a `DocumentError` where a text is JSON, XML or HTML."""
    start = text.lstrip()[:2000]
    if start.startswith("<"):
        kind = "HTML" if is_html(start) else "XML"
    elif start.startswith("{") or _JSON_LIST.match(start):
        kind = "JSON"
    else:
        return
    raise DocumentError(f"{kind} where CSV was expected: {show_head(text)}")
