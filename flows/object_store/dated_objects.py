"""Objects named by their data's date: which of them a bucket has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from flows.object_store.listing import listed_objects

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# an hour's, day's, month's or year's; what runs stamp has a time behind the date
_STAMP = r"([0-9]{4}|[0-9]{6}|[0-9]{8}|[0-9]{10}X?)"


def dated_objects(
    client: S3Client, bucket: str, prefix: str, stamps: tuple[str, str], outputs: Iterable[str]
) -> dict[str, datetime]:
    """When the objects of each date were stored, the first of its outputs to be counted; in order of date.

    Only the dates asked for are listed, however much else the bucket holds.

    Args:
        client: Asks the bucket.
        bucket: Its name.
        prefix: Of the API's objects, up to their dates.
        stamps: The first and the last date, as names have them.
        outputs: What must be there of a date for it to count: `csv`, `parquet`, `raw`.
    """
    own_name = re.compile(re.escape(prefix) + _STAMP + r"\.([a-z]+)(?:\.[a-z]+)?")
    first, last = stamps
    found: dict[str, dict[str, datetime]] = {}
    for listed in listed_objects(client, bucket, prefix, prefix + first):
        if listed.key[len(prefix) : len(prefix) + len(last)] > last:
            break
        name = own_name.fullmatch(listed.key)
        if name:
            found.setdefault(name.group(1), {})[name.group(2)] = listed.last_modified
    wanted = set(outputs)
    return {stamp: min(stored.values()) for stamp, stored in found.items() if wanted <= stored.keys()}
