"""Objects named by the date of their window: which of them a bucket has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.object_store.listing import listed_objects
from flows.object_store.metadata import (
    COLLECTED_AT,
    RANGE_SEPARATOR,
    REQUEST,
    SHA256,
    WINDOW_END,
    WINDOW_START,
    WITHOUT_ROWS,
)
from flows.object_store.objects import StorableObject, run_stamp

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# of an hour, day, month or year; the stamp of a run has a time after the date
_STAMP = r"([0-9]{4}|[0-9]{6}|[0-9]{8}|[0-9]{10}X?)"
_DATED_NAME = re.compile(rf"(.*_){_STAMP}(\.[a-z.]+)")


def named_by_its_run(storable: StorableObject, now: datetime) -> StorableObject:
    """The object of a window, renamed by its time of collection if it was collected before the window's end.

    For objects that are uploaded from the spool after that end: under the window's date it would count as
    complete, since a listing shows only when it was stored.
    """
    held = held_dates(storable.metadata)
    name = _DATED_NAME.fullmatch(storable.key)
    if not storable.is_dated or not held or not name or not held.collected_at < held.end <= now:
        return storable
    metadata = {key: value for key, value in storable.metadata.items() if key != WINDOW_END}
    key = f"{name.group(1)}{run_stamp(held.collected_at)}{name.group(3)}"
    return replace(storable, key=key, metadata=metadata)


@dataclass(frozen=True)
class DatedObject:
    """The objects of one window.

    Attributes:
        key: The whole key of one of them.
        stored_at: When the first of them was stored (UTC).
    """

    key: str
    stored_at: datetime


@dataclass(frozen=True)
class HeldDates:
    """The window that an object holds, by its metadata; all times in UTC.

    Attributes:
        start: The start of the window.
        end: The end of the window, exclusive.
        collected_at: When the data was collected.
        without_rows: The first and the last stamp of each range of its units without a row.
    """

    start: datetime
    end: datetime
    collected_at: datetime
    without_rows: tuple[tuple[str, str], ...] = ()


def held_dates(metadata: Mapping[str, str]) -> HeldDates | None:
    """The window in an object's user metadata; None where there is none."""
    try:
        start, end, collected_at = (
            datetime.fromisoformat(metadata[name]).astimezone(UTC)
            for name in (WINDOW_START, WINDOW_END, COLLECTED_AT)
        )
    except (KeyError, ValueError):
        return None
    ranges = (text.partition(RANGE_SEPARATOR) for text in metadata.get(WITHOUT_ROWS, "").split())
    return HeldDates(start, end, collected_at, tuple((first, last) for first, _, last in ranges))


def has_same_content(storable: StorableObject, metadata: Mapping[str, str]) -> bool:
    """Whether the object with these metadata has the same content, by their digests."""
    return SHA256 in storable.metadata and metadata.get(SHA256) == storable.metadata[SHA256]


def is_new_data(storable: StorableObject, earlier: Mapping[str, str] | None) -> bool:
    """Whether an object of a window tells more than the one that is stored.

    With the same content it does where it is the first that was collected when the data was final, or was
    requested with other values: if it were not stored, each backfill would collect the window again.

    Args:
        storable: The object to be stored.
        earlier: The metadata of the stored one; None where there is none.
    """
    if earlier is None or not has_same_content(storable, earlier):
        return True
    held, held_earlier = held_dates(storable.metadata), held_dates(earlier)
    if held is None or held_earlier is None:
        return held_earlier is None
    final_from = storable.final_from or held.end
    is_first_final = held_earlier.collected_at < final_from <= held.collected_at
    compared = (REQUEST, WITHOUT_ROWS)
    return is_first_final or any(earlier.get(name) != storable.metadata.get(name) for name in compared)


def dated_objects(
    client: S3Client, bucket: str, prefix: str, stamps: tuple[str, str], outputs: Iterable[str]
) -> dict[str, DatedObject]:
    """The objects of each window that has all outputs, by the window's stamp, in the order of time.

    Only keys from the first to the last stamp are listed, however much else the bucket holds.

    Args:
        client: The S3 client.
        bucket: The bucket's name.
        prefix: The part of the API's keys before the date.
        stamps: The stamps of the first and the last window, as in the keys.
        outputs: The outputs that a window must have to count: `csv`, `parquet`, `raw`.
    """
    own_name = re.compile(re.escape(prefix) + _STAMP + r"\.([a-z]+)(?:\.[a-z]+)?")
    first, last = stamps
    found: dict[str, dict[str, DatedObject]] = {}
    for listed in listed_objects(client, bucket, prefix, prefix + first):
        if listed.key[len(prefix) : len(prefix) + len(last)] > last:
            break
        name = own_name.fullmatch(listed.key)
        if name:
            found.setdefault(name.group(1), {})[name.group(2)] = DatedObject(listed.key, listed.last_modified)
    wanted = set(outputs)
    return {
        stamp: min(stored.values(), key=lambda each: each.stored_at)
        for stamp, stored in found.items()
        if wanted <= stored.keys()
    }
