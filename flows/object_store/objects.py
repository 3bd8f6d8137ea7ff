"""The key and the bytes of an object."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.object_store.metadata import COLLECTED_AT, WINDOW_END, with_reason

if TYPE_CHECKING:
    import polars as pl

CSV_CONTENT_TYPE = "text/csv; charset=utf-8"
REJECTED, SUPERSEDED = "_rejected", "_superseded"
"""The folders, within an API's output folder, of objects that do not count as stored data."""

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MAX_KEY_PART_BYTES = 255


@dataclass(frozen=True)
class StorableObject:
    """An object ready to be stored.

    Attributes:
        key: Relative to the block's bucket folder.
        body: Its bytes.
        content_type: Its media type.
        metadata: User metadata, ASCII only.
        final_from: From when on the data of its window does not change; None for the end of the window.
    """

    key: str
    body: bytes = field(repr=False)
    content_type: str
    metadata: Mapping[str, str]
    final_from: datetime | None = None

    @property
    def is_dated(self) -> bool:
        """Whether it is named by the date of its window, and replaces an earlier object of that window."""
        return WINDOW_END in self.metadata and self.key.split("/")[-2] not in {REJECTED, SUPERSEDED}

    def rejected(self, reason: str) -> StorableObject:
        """This object in the folder of rejected objects, named by its time of collection as well."""
        collected_at = datetime.fromisoformat(self.metadata[COLLECTED_AT])
        return replace(
            self,
            key=key_in(REJECTED, self.key, collected_at),
            metadata=with_reason(self.metadata, reason),
        )


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
    return _with_suffix(key, f"_{number}")


def key_in(folder: str, key: str, collected_at: datetime) -> str:
    """The key of an object that does not count as stored data.

    Args:
        folder: `REJECTED` or `SUPERSEDED`.
        key: The key under which it would count: `a/b_20240101.csv`.
        collected_at: When it was collected, which becomes part of the key:
            `a/_superseded/b_20240101_20240102_030405.csv`.
    """
    output_folder, _, name = key.rpartition("/")
    return f"{output_folder}/{folder}/{_with_suffix(name, f'_{run_stamp(collected_at)}')}"


def _with_suffix(key: str, suffix: str) -> str:
    stem, _, extension = key.rpartition(".")
    if stem.endswith(".raw"):
        stem, extension = stem.removesuffix(".raw"), f"raw.{extension}"
    return f"{stem}{suffix}.{extension}"
