"""The last object is looked up while the API is being requested, where a check needs it, and only once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from flows.sandbox.loopback_server import LoopbackServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import eventually
from tests.flow.test_object_store_s3 import store_on
from tests.flow.windows_of_a_service import hours_of, windows_of_a_service
from tests.s3_relay import RelayedS3, S3Request

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


def is_lookup(request: S3Request) -> bool:
    return request.method == "GET"


def test_the_bucket_is_asked_before_the_api_has_responded(
    embedded_s3: EmbeddedS3, bucket: str, tmp_path: Path
) -> None:
    relayed = RelayedS3(embedded_s3, times=0)
    with LoopbackServer(relayed) as server:
        store = store_on(embedded_s3, bucket, endpoint_url=server.base_url)
        with windows_of_a_service(store, tmp_path / "spool") as windows:
            windows.respond = hours_of
            first = windows.run(windows.api())
            relayed.requests.clear()

            def was_looked_up() -> bool:
                # a listing and a read
                return len(relayed.requests) >= 2

            def respond_after_the_lookup(query: Mapping[str, str]) -> Response:
                eventually(was_looked_up)
                return hours_of({**query, "day": "2024-01-05"}, mw=100)

            windows.respond = respond_after_the_lookup
            second = windows.run(windows.api(), "20261128_130000")
    assert (first.error, second.error, second.upload_status) == (None, None, "success")
    lookups = list(filter(is_lookup, relayed.requests))
    assert len(lookups) == 2
    assert sum("list-type" in request.path_and_query for request in lookups) == 1


@pytest.mark.parametrize(
    ("options", "first", "last", "lookups"),
    [
        ({}, date(2024, 1, 5), date(2024, 1, 6), 0),
        ({"checks": "off"}, YESTERDAY, YESTERDAY, 0),
        ({"outputs": ["parquet"]}, YESTERDAY, YESTERDAY, 0),
        ({}, YESTERDAY, YESTERDAY, 1),
    ],
    ids=["old windows", "no checks", "no CSV", "a recent window"],
)
def test_only_what_is_compared_is_looked_up(
    embedded_s3: EmbeddedS3,
    bucket: str,
    tmp_path: Path,
    options: dict[str, Any],
    first: date,
    last: date,
    lookups: int,
) -> None:
    relayed = RelayedS3(embedded_s3, times=0)
    with LoopbackServer(relayed) as server:
        store = store_on(embedded_s3, bucket, endpoint_url=server.base_url)
        with windows_of_a_service(store, tmp_path / "spool") as windows:
            windows.respond = hours_of
            windows.collect(windows.api(**options), first, last)
            asked = sum(map(is_lookup, relayed.requests))
            relayed.requests.clear()
            windows.collect(windows.api(**options), first, last)
            # what the plan of a backfill lists
            planned = sum(map(is_lookup, relayed.requests))
    # the bucket is empty: two pages are listed before the first object of the API, of which there is none
    assert (asked - planned > 0) == bool(lookups)
