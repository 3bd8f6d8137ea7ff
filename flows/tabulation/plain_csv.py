"""CSV without quotes, read by polars instead of cell by cell."""

from __future__ import annotations

import codecs
import csv

import polars as pl

from flows.documents import DocumentError
from flows.documents.csv_document import column_names, refuse_other_formats
from flows.tabulation.record_columns import MAX_COLUMNS

_HEAD_BYTES = 8_000
# what polars and the csv module read differently, or the csv module refuses
_NOT_PLAIN = (b'"', b"\r", b"\x00", b"\n\n")


def read_plain_csv(body: bytes, skip_rows: int) -> tuple[list[str], list[pl.Series]] | None:
    """Read a file as `read_csv_rows` does, a third of its time.

    Args:
        body: The file, in UTF-8.
        skip_rows: Lines before the header.

    Returns:
        The names, and a column of text for each, empty cells as null; None where `read_csv_rows` could
        read the file differently or refuse it.
    """
    body = body.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n")
    *before, cells = body.split(b"\n", skip_rows + 1)
    cells = cells.removesuffix(b"\n")
    if len(before) <= skip_rows or not cells or any(part in body for part in _NOT_PLAIN):
        return None
    try:
        head = body[:_HEAD_BYTES].decode("utf-8", "ignore")
        refuse_other_formats(head)
        header = next(csv.reader([b"\n".join(before).decode().rpartition("\n")[2]]), [])
        # an empty last name may be that of a comma at the end of each line
        if not head.strip() or not header or not header[-1] or len(header) > MAX_COLUMNS:
            return None
        is_complete = cells.count(b",") == (cells.count(b"\n") + 1) * (len(header) - 1)
        if not is_complete or cells.startswith((b"\n", codecs.BOM_UTF8)):
            return None
        # it refuses rows that are longer than the schema, so that with the count none is shorter
        schema = {str(number): pl.String for number in range(len(header))}
        frame = pl.read_csv(cells, has_header=False, schema=schema, quote_char=None, infer_schema=False)
    except (UnicodeDecodeError, DocumentError, pl.exceptions.PolarsError):
        return None
    return column_names(header), frame.get_columns()
