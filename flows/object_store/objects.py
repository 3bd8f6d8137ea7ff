"""The key, the bytes and the metadata of an object."""

from __future__ import annotations

import codecs
import hashlib
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

if TYPE_CHECKING:
    import polars as pl

CSV_CONTENT_TYPE = "text/csv; charset=utf-8"
WINDOW_START, WINDOW_END = "window-start", "window-end"
"""User metadata of objects that are named by the date of their window."""

WITHOUT_ROWS, RANGE_SEPARATOR = "without-rows", ".."
COLLECTED_AT = "collected-at"
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# S3 takes 2 KB of user metadata in all, of which only the texts have no bound of their own
_MAX_TEXT = 700
_MAX_METADATA = 1950
_MAX_KEY_PART_BYTES = 255


@dataclass(frozen=True)
class StorableObject:
    """An object ready to be stored.

    Attributes:
        key: Relative to the block's bucket folder.
        body: Its bytes.
        content_type: Its media type.
        metadata: User metadata, ASCII only.
    """

    key: str
    body: bytes = field(repr=False)
    content_type: str
    metadata: Mapping[str, str]

    @property
    def is_dated(self) -> bool:
        """Whether it is named by the date of its window, and replaces an earlier object of that window."""
        return WINDOW_END in self.metadata


@dataclass(frozen=True)
class StoredObject:
    """An object in the bucket.

    Attributes:
        key: Its whole key, the block's bucket folder included.
        uri: `s3://bucket/key`.
        size: Bytes.
        already_there: The object was there before.
        is_late: The bucket has an object of the same window that was collected later, which stays.
    """

    key: str
    uri: str
    size: int
    already_there: bool
    is_late: bool = False


def csv_bytes(frame: pl.DataFrame) -> bytes:
    r"""The frame as CSV: UTF-8, with a header, RFC 4180 quoting and `\n`; null is an empty cell.

    An empty text is written as `""`, so that polars reads back the same rows.
    """
    buffer = io.BytesIO()
    frame.write_csv(buffer, quote_style="necessary", line_terminator="\n")
    return buffer.getvalue()


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """The frame as Parquet, compressed with zstd."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def run_stamp(started_at: datetime) -> str:
    """The stamp of a run that started at an aware time: `YYYYMMDD_HHMMSS` in UTC."""
    return started_at.astimezone(UTC).strftime("%Y%m%d_%H%M%S")


def object_key(output_folder: str, csv_prefix: str, stamp: str, extension: str = "csv") -> str:
    """The key of an object, relative to the block's bucket folder.

    Raises:
        ValueError: The key could leave the bucket folder, or S3 servers refuse it; checking the
            configuration finds such keys before.
    """
    key = f"{output_folder}/{csv_prefix}_{stamp}.{extension}"
    if _CONTROL_CHARACTERS.search(key):
        raise ValueError(f"the key {key!r} holds a control character")
    for part in key.split("/"):
        if part in {"", ".", ".."} or len(part.encode()) > _MAX_KEY_PART_BYTES:
            raise ValueError(f"the key {key!r} has an empty, '.', '..' or too long part")
    return key


def numbered_key(key: str, number: int) -> str:
    """The key for the next object of the same name: `…_2.csv`, `…_3.csv`, `…_2.raw.json`."""
    stem, _, extension = key.rpartition(".")
    if stem.endswith(".raw"):
        stem, extension = stem.removesuffix(".raw"), f"raw.{extension}"
    return f"{stem}_{number}.{extension}"


def object_metadata(
    *,
    api_name: str,
    source_url: str,
    collected_at: datetime,
    rows: int,
    columns: int,
    body: bytes,
    run_id: str,
    pipeline_version: str,
    window: tuple[datetime, datetime] | None = None,
    without_rows: Iterable[tuple[str, str]] = (),
) -> dict[str, str]:
    """The user metadata of an object.

    S3 takes ASCII only: other characters, and `%`, are percent-encoded as in URLs, which
    `urllib.parse.unquote` decodes. Long texts are cut, ending in `...`. `window` is the start and the
    exclusive end of the window that it holds, `without_rows` the first and the last stamp of each range of
    the units in it without a row; ranges that are more than fit are left out.
    """
    dates = dict(
        zip((WINDOW_START, WINDOW_END), (moment.isoformat() for moment in window or ()), strict=False)
    )
    metadata = {
        "api-name": _ascii(api_name),
        "source-url": _ascii(source_url, safe="%"),
        COLLECTED_AT: collected_at.astimezone(UTC).isoformat(timespec="seconds"),
        "rows": str(rows),
        "columns": str(columns),
        "sha256": hashlib.sha256(body).hexdigest(),
        "run-id": run_id,
        "pipeline-version": pipeline_version,
        **dates,
    }
    gaps = _ranges_text(without_rows, _MAX_METADATA - sum(map(len, (*metadata, *metadata.values()))))
    return {**metadata, WITHOUT_ROWS: gaps} if window and gaps else metadata


def _ranges_text(ranges: Iterable[tuple[str, str]], room: int) -> str:
    """Ranges of stamps: `20240110..20240112 20240120..20240120`."""
    texts: list[str] = []
    for first, last in ranges:
        text = f"{first}{RANGE_SEPARATOR}{last}"
        room -= len(text) + 1
        if room < 0:
            break
        texts.append(text)
    return " ".join(texts)


def _ascii(text: str, safe: str = "") -> str:
    # the percent-encoding of a URL must not be encoded again
    encoded = quote(text.strip(), safe=" !\"#$&'()*+,-./:;<=>?@[]^_`{|}~" + safe)
    if len(encoded) <= _MAX_TEXT:
        return encoded
    cut = re.sub(r"%[0-9A-F]?$", "", encoded[: _MAX_TEXT - 3])
    # the last character must not be cut in the middle of its bytes
    escapes = re.search(r"(?:%[0-9A-F]{2})*$", cut)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(unquote_to_bytes(escapes[0] if escapes else ""))
    begun = len(decoder.getstate()[0])
    cut = cut[: len(cut) - begun * len("%XX")]
    return cut + "..."
