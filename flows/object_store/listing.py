"""Finding the newest object of an API without listing all that it ever stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# most have stored something in these days; who has not is looked for year by year
_LOOK_BACK = (timedelta(days=2), timedelta(days=40))
_EARLIEST_YEAR = 1900


@dataclass(frozen=True)
class ListedObject:
    """An object as a listing shows it; `size` in bytes."""

    key: str
    size: int
    last_modified: datetime


def newest_object(
    client: S3Client, bucket: str, prefix: str, now: datetime, extension: str | None = None
) -> ListedObject | None:
    """The object whose name has the latest date.

    However much the bucket holds, a few pages are listed, and one more for each year gone by
    without an object.

    Args:
        client: Asks the bucket.
        bucket: Its name.
        prefix: Of the API's objects, up to their dates.
        now: To look back from.
        extension: Of its name, e.g. `csv`; any where it is not given.
    """
    # another API of the same folder may have a prefix that begins like this one
    own_name = re.compile(
        re.escape(prefix)
        + r"([0-9]{4,}(?:_[0-9]{6}(?![0-9]))?)(?:_[0-9]+)*\."
        + (extension or r"[a-z]+(?:\.[a-z]+)?")
    )

    def newest_of(dates: str, after: str = "") -> ListedObject | None:
        newest: tuple[tuple[str, datetime], ListedObject] | None = None
        for listed in listed_objects(client, bucket, prefix + dates, prefix + after):
            name = own_name.fullmatch(listed.key)
            if name:
                rank = (name.group(1), listed.last_modified)
                if newest is None or rank >= newest[0]:
                    newest = (rank, listed)
        return newest[1] if newest else None

    found = (newest_of(dates, after) for dates, after in _looks(client, bucket, prefix, now))
    return next((newest for newest in found if newest), None)


def _looks(client: S3Client, bucket: str, prefix: str, now: datetime) -> Iterator[tuple[str, str]]:
    """How dates begin, and which they come after, from the latest on."""
    # a day that has begun elsewhere may be of the next year
    latest_year = (now.astimezone(UTC) + timedelta(days=1)).year
    earliest = ""
    for back in _LOOK_BACK:
        start = now.astimezone(UTC) - back
        for year in range(latest_year, start.year - 1, -1):
            yield f"{year}", f"{start:%Y%m%d}"
        if not earliest:
            first = next(listed_objects(client, bucket, prefix, prefix), None)
            if first is None:
                return
            # in the order of keys, none has a date before that
            earliest = first.key[len(prefix) :][:4]
    for year in range(latest_year, _EARLIEST_YEAR - 1, -1):
        if f"{year}" < earliest:
            return
        if next(listed_objects(client, bucket, f"{prefix}{year}", ""), None):
            # what is dated by its year alone comes before its months
            yield from ((f"{year}{month:02}", "") for month in range(12, 0, -1))
            yield f"{year}", ""


def listed_objects(client: S3Client, bucket: str, prefix: str, start_after: str) -> Iterator[ListedObject]:
    """The objects of a prefix whose keys come after a key, in the order of keys."""
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, StartAfter=start_after
    )
    for page in pages:
        for entry in page.get("Contents", []):
            yield ListedObject(entry["Key"], entry["Size"], entry["LastModified"])
