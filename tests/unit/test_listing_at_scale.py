"""Listing a bucket of a hundred thousand objects and more takes a handful of pages."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import boto3
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flows.object_store.dated_objects import dated_objects
from flows.object_store.listing import newest_object
from flows.sandbox.loopback_server import LoopbackServer

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PREFIX = "lmp/lmp_"
NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
STORED = "2026-11-20T12:00:00.000Z"
HANDFUL = 5
PAGE = 1000


class ListingOfKeys:
    """Responds to ListObjectsV2 as S3 does, from keys in memory, and counts the pages."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = sorted(keys)
        self.pages = 0

    async def answer(self, request: Request) -> Response:
        self.pages += 1
        asked = request.query_params
        prefix = asked.get("prefix", "")
        after = asked.get("continuation-token") or asked.get("start-after", "")
        size = min(int(asked.get("max-keys", PAGE)), PAGE)
        start = max(bisect.bisect_left(self.keys, prefix), bisect.bisect_right(self.keys, after))
        end = bisect.bisect_left(self.keys, prefix + "\U0010ffff")
        page = self.keys[start : min(end, start + size)]
        is_cut = start + size < end
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if is_cut else ""
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>1</Size><LastModified>{STORED}</LastModified></Contents>"
            for key in page
        )
        return Response(
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(is_cut).lower()}</IsTruncated>{token}{entries}</ListBucketResult>",
            media_type="application/xml",
        )


@contextmanager
def bucket_of(keys: list[str]) -> Iterator[tuple[S3Client, Callable[[], int]]]:
    """A client of a bucket with these keys, and a function that counts the pages since its last call."""
    listing = ListingOfKeys(keys)

    def pages() -> int:
        seen, listing.pages = listing.pages, 0
        return seen

    with LoopbackServer(Starlette(routes=[Route("/{bucket}", listing.answer, methods=["GET"])])) as server:
        client = boto3.client(
            "s3",
            endpoint_url=server.base_url,
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )
        try:
            yield client, pages
        finally:
            client.close()


def stamped(prefix: str, until: datetime, count: int, step: timedelta = timedelta(hours=1)) -> list[str]:
    return [f"{prefix}{until - number * step:%Y%m%d_%H%M%S}.csv" for number in range(count)]


def days(prefix: str, until: datetime, count: int) -> list[str]:
    return [f"{prefix}{until - timedelta(days=number):%Y%m%d}.csv" for number in range(count)]


def test_the_newest_of_thirty_years_of_hours_takes_a_handful_of_pages() -> None:
    with bucket_of(stamped("lmp/lmp_", NOW, 30 * 365 * 24)) as (client, pages):
        newest = newest_object(client, "b", "lmp/lmp_", NOW)
        assert newest is not None
        assert newest.key == f"lmp/lmp_{NOW:%Y%m%d_%H%M%S}.csv"
        assert pages() <= HANDFUL


def test_the_newest_is_found_also_where_it_is_years_old() -> None:
    stopped = NOW - timedelta(days=7 * 365)
    with bucket_of(stamped("lmp/lmp_", stopped, 100_000)) as (client, pages):
        newest = newest_object(client, "b", "lmp/lmp_", NOW)
        assert newest is not None
        assert newest.key == f"lmp/lmp_{stopped:%Y%m%d_%H%M%S}.csv"
        assert pages() <= 30


def test_an_api_that_never_stored_does_not_read_through_its_neighbours() -> None:
    # a prefix may begin as another one's of the same folder does, before or after its dates
    keys = stamped("lmp/lmp_da_", NOW, 50_000) + stamped("lmp/lmp_2_", NOW, 50_000)
    with bucket_of(keys) as (client, pages):
        assert newest_object(client, "b", "lmp/lmp_", NOW) is None
        assert pages() <= 2 * HANDFUL


def test_one_of_many_years_old_beside_neighbours_is_found() -> None:
    stopped = datetime(2019, 5, 1, 7, tzinfo=UTC)
    keys = (
        stamped("lmp/lmp_da_", NOW, 50_000)
        + stamped("lmp/lmp_2_", NOW, 20_000)
        + days("lmp/lmp_", stopped, 900)
    )
    with bucket_of(keys) as (client, pages):
        newest = newest_object(client, "b", "lmp/lmp_", NOW)
        assert newest is not None
        assert newest.key == "lmp/lmp_20190501.csv"
        assert pages() <= 30


def test_a_month_out_of_many_years_takes_a_handful_of_pages() -> None:
    # backfilled days beside what runs stamped
    keys = days("lmp/lmp_", NOW, 30 * 365) + stamped("lmp/lmp_", NOW, 100_000)
    with bucket_of(keys) as (client, pages):
        found = dated_objects(client, "b", "lmp/lmp_", ("20200201", "20200229"), ["csv"])
        assert (len(found), min(found), max(found)) == (29, "20200201", "20200229")
        assert pages() <= HANDFUL
        recent = dated_objects(client, "b", "lmp/lmp_", ("20261118", "20261120"), ["csv"])
        assert list(recent) == ["20261118", "20261119", "20261120"]
        assert pages() <= HANDFUL
        none = dated_objects(client, "b", "lmp/lmp_", ("19500101", "19501231"), ["csv"])
        assert (none, pages() <= HANDFUL) == ({}, True)


def test_the_newest_object_of_runs_and_of_windows_are_told_apart() -> None:
    runs = [
        "20261119_101500.csv",
        "20261119_101500_2.csv",
        "20261120_101500.parquet",
        "20261120_101500.raw.csv",
    ]
    windows = ["20261118.csv", "2026111923.csv", "2026111923.parquet", "202611.csv"]
    with bucket_of([PREFIX + name for name in (*runs, *windows)]) as (client, _):
        newest = newest_object(client, "b", PREFIX, NOW, "runs")
        assert newest is not None
        assert newest.key in {PREFIX + name for name in runs[:2]}
        newest = newest_object(client, "b", PREFIX, NOW, "windows")
        assert newest is not None
        assert newest.key == PREFIX + windows[1]
    with bucket_of([PREFIX + windows[0]]) as (client, _):
        assert newest_object(client, "b", PREFIX, NOW, "runs") is None
