"""Finding the newest object of an API without listing all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CsvOf = Literal["runs", "windows"]

# most APIs have stored something in these days; the others are searched year by year
_LOOK_BACK = (timedelta(days=2), timedelta(days=40))
_EARLIEST_YEAR = 1900
# after the prefix; the stamp of a run has a time after the date, and its object may be numbered
_NAMES: dict[CsvOf | None, str] = {
    None: r"([0-9]{4,}(?:_[0-9]{6}(?![0-9]))?)(?:_[0-9]+)*\.[a-z]+(?:\.[a-z]+)?",
    "runs": r"([0-9]{8}_[0-9]{6})(?:_[0-9]+)*\.csv",
    "windows": r"([0-9]{4,10}X?)\.csv",
}


@dataclass(frozen=True)
class ListedObject:
    """An object as a listing shows it; `size` in bytes."""

    key: str
    size: int
    last_modified: datetime


def newest_object(
    client: S3Client, bucket: str, prefix: str, now: datetime, csv_of: CsvOf | None = None
) -> ListedObject | None:
    """The object with the latest date in its key; None where there is none.

    However many objects there are, it lists a few pages, and one more for each past year without one.

    Args:
        client: The S3 client.
        bucket: The bucket's name.
        prefix: The part of the API's keys before the date.
        now: The time from which it searches back.
        csv_of: Whether only CSV objects of runs or of windows count; None for any object.
    """
    # the prefix of another API in the same folder may begin with this one
    own_name = re.compile(re.escape(prefix) + _NAMES[csv_of])

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
    """The beginnings of dates to list, each with the date after which it starts, from the latest back."""
    # in other time zones the next year may have begun
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
            # keys are listed in order, so that no date is before this one
            earliest = first.key[len(prefix) :][:4]
    for year in range(latest_year, _EARLIEST_YEAR - 1, -1):
        if f"{year}" < earliest:
            return
        if next(listed_objects(client, bucket, f"{prefix}{year}", ""), None):
            # an object of a whole year is older than those of its months
            yield from ((f"{year}{month:02}", "") for month in range(12, 0, -1))
            yield f"{year}", ""


def listed_objects(client: S3Client, bucket: str, prefix: str, start_after: str) -> Iterator[ListedObject]:
    """The objects of a prefix whose keys sort after `start_after`, in the order of their keys."""
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, StartAfter=start_after
    )
    for page in pages:
        for entry in page.get("Contents", []):
            yield ListedObject(entry["Key"], entry["Size"], entry["LastModified"])
