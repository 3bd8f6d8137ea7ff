"""Finding the newest object of an API without listing all that it ever stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# names begin with their date, so that a listing can begin at one; the last look is at all of them
_LOOK_BACK = (timedelta(days=2), timedelta(days=40), timedelta(days=400))


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

    Args:
        client: Asks the bucket.
        bucket: Its name.
        prefix: Of the API's objects, up to their dates.
        now: To look back from.
        extension: Of its name, e.g. `csv`; any where it is not given.
    """
    # another API of the same folder may have a prefix that begins like this one
    own_name = re.compile(
        re.escape(prefix) + r"([0-9]{4,}(?:_[0-9]{6}(?![0-9]))?)(?:_[0-9]+)*\." + (extension or "[a-z]+")
    )
    starts = [prefix + (now.astimezone(UTC) - back).strftime("%Y%m%d") for back in _LOOK_BACK]
    for start_after in (*starts, ""):
        newest: tuple[tuple[str, datetime], ListedObject] | None = None
        for listed in listed_objects(client, bucket, prefix, start_after):
            name = own_name.fullmatch(listed.key)
            if name:
                rank = (name.group(1), listed.last_modified)
                if newest is None or rank >= newest[0]:
                    newest = (rank, listed)
        if newest:
            return newest[1]
    return None


def listed_objects(client: S3Client, bucket: str, prefix: str, start_after: str) -> Iterator[ListedObject]:
    """The objects of a prefix whose keys come after a key, in the order of keys."""
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, StartAfter=start_after
    )
    for page in pages:
        for entry in page.get("Contents", []):
            yield ListedObject(entry["Key"], entry["Size"], entry["LastModified"])
