"""Windows that are collected again: what they replace is kept, and the same content is stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from flows.object_store import ObjectStore, Spool, StorableObject, object_metadata
from flows.sandbox.loopback_server import LoopbackServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import eventually
from tests.flow.test_object_store_s3 import store_on
from tests.flow.windows_of_a_service import Windows, hours_of, json_response, objects_in, windows_of_a_service
from tests.s3_relay import RelayedS3, S3Request, s3_error

KEY = "load/load_20240105.csv"
SUPERSEDED = "load/_superseded/load_20240105_20240106_120000.csv"
START = datetime(2024, 1, 5, tzinfo=UTC)


def is_write(request: S3Request) -> bool:
    return request.method == "PUT"


def storable(
    body: bytes, hours_after_end: float = 12, key: str = KEY, days_to_settle: int = 0, **more: Any
) -> StorableObject:
    end = START + timedelta(days=1)
    metadata = object_metadata(
        api_name="Load",
        source_url="https://example.com/load",
        collected_at=end + timedelta(hours=hours_after_end),
        rows=1,
        columns=1,
        body=body,
        run_id=f"run {hours_after_end}",
        pipeline_version="1",
        window=(START, end),
        **more,
    )
    return StorableObject(key, body, "text/csv", metadata, end + timedelta(days=days_to_settle))


@pytest.fixture
def store(embedded_s3: EmbeddedS3, bucket: str) -> ObjectStore:
    return store_on(embedded_s3, bucket)


def metadata_at(s3: EmbeddedS3, bucket: str, key: str) -> dict[str, str]:
    return s3.client().head_object(Bucket=bucket, Key=key)["Metadata"]


@pytest.mark.parametrize("extension", ["csv", "parquet", "raw.json"])
def test_the_predecessor_of_a_window_with_other_content_is_kept(
    store: ObjectStore, embedded_s3: EmbeddedS3, bucket: str, extension: str
) -> None:
    key, superseded = (each.replace("csv", extension) for each in (KEY, SUPERSEDED))
    first, second = storable(b"first", key=key), storable(b"second", 13, key=key)
    store.store(first)
    stored = store.store(second)
    assert (stored.key, stored.already_there) == (key, False)
    assert objects_in(embedded_s3, bucket) == {key: b"second", superseded: b"first"}
    assert metadata_at(embedded_s3, bucket, superseded) == first.metadata
    assert metadata_at(embedded_s3, bucket, key) == second.metadata
    # neither counts as the newest object, nor as a stored day
    newest = store.latest("load", "load")
    assert newest is not None
    assert newest.key == key
    assert len(store.dated("load", "load", ("20240101", "20241231"), [extension.partition(".")[0]])) == 1


def test_every_predecessor_is_kept_also_those_of_the_same_second(
    store: ObjectStore, embedded_s3: EmbeddedS3, bucket: str
) -> None:
    for body in (b"1", b"2", b"3"):
        store.store(storable(body))
    kept = objects_in(embedded_s3, bucket)
    assert kept == {KEY: b"3", SUPERSEDED: b"1", SUPERSEDED.replace("0000.csv", "0000_2.csv"): b"2"}


def test_the_same_content_is_not_stored_again(embedded_s3: EmbeddedS3, bucket: str) -> None:
    relayed = RelayedS3(embedded_s3, times=0)
    with LoopbackServer(relayed) as server:
        store = store_on(embedded_s3, bucket, endpoint_url=server.base_url)
        first = storable(b"x")
        store.store(first)
        assert store.store(storable(b"x", 13)).already_there
    assert metadata_at(embedded_s3, bucket, KEY) == first.metadata
    assert list(objects_in(embedded_s3, bucket)) == [KEY]


@pytest.mark.parametrize(
    ("first", "second", "is_stored_again"),
    [
        # before the end of the window, and after it
        (storable(b"x", -3), storable(b"x", 3), True),
        (storable(b"x", -3), storable(b"x", -2), False),
        # before the data had settled, and after that
        (storable(b"x", 3, days_to_settle=2), storable(b"x", 60, days_to_settle=2), True),
        (storable(b"x", 3, days_to_settle=3650), storable(b"x", 60, days_to_settle=3650), False),
        # requested with other values
        (storable(b"x", 3, values={"zone": ["A"]}), storable(b"x", 4, values={"zone": ["A", "B"]}), True),
    ],
)
def test_the_same_content_is_stored_again_where_the_window_would_be_asked_for_again_otherwise(
    store: ObjectStore,
    embedded_s3: EmbeddedS3,
    bucket: str,
    first: StorableObject,
    second: StorableObject,
    is_stored_again: bool,
) -> None:
    store.store(first)
    store.store(second)
    assert list(objects_in(embedded_s3, bucket)) == [KEY], "the same content is not kept twice"
    assert metadata_at(embedded_s3, bucket, KEY) == (second if is_stored_again else first).metadata


def test_a_bucket_with_versioning_keeps_its_own_versions_and_is_asked_once(
    embedded_s3: EmbeddedS3, bucket: str
) -> None:
    embedded_s3.client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    relayed = RelayedS3(embedded_s3, times=0)
    with LoopbackServer(relayed) as server:
        store = store_on(embedded_s3, bucket, endpoint_url=server.base_url)
        for body in (b"1", b"2", b"3"):
            store.store(storable(body))
    assert objects_in(embedded_s3, bucket) == {KEY: b"3"}
    versions = embedded_s3.client().list_object_versions(Bucket=bucket)["Versions"]
    assert len(versions) == 3
    assert sum("versioning" in request.path_and_query for request in relayed.requests) == 1


def test_where_the_versioning_may_not_be_asked_the_predecessor_is_kept(
    embedded_s3: EmbeddedS3, bucket: str
) -> None:
    relayed = RelayedS3(
        embedded_s3,
        s3_error("AccessDenied", 403),
        times=9,
        concerns=lambda request: "versioning" in request.path_and_query,
    )
    with LoopbackServer(relayed) as server:
        store = store_on(embedded_s3, bucket, endpoint_url=server.base_url)
        store.store(storable(b"1"))
        store.store(storable(b"2"))
    assert relayed.refused == 1
    assert objects_in(embedded_s3, bucket) == {KEY: b"2", SUPERSEDED: b"1"}


def test_what_is_ended_between_the_two_writes_is_done_once_by_the_next_drain(
    embedded_s3: EmbeddedS3, bucket: str, tmp_path: Path
) -> None:
    store_on(embedded_s3, bucket).store(storable(b"1"))
    spool = Spool(tmp_path, 10**6)
    # as a run does that ends before its upload
    spool.keep(storable(b"2", 13), bucket).release()

    def replaces(request: S3Request) -> bool:
        return is_write(request) and b"if-none-match" not in request.headers

    relayed = RelayedS3(embedded_s3, s3_error("AccessDenied", 403), times=1, concerns=replaces)
    with LoopbackServer(relayed) as server:
        report = spool.drain(store_on(embedded_s3, bucket, endpoint_url=server.base_url))
        assert len(report.problems) == 1
        assert objects_in(embedded_s3, bucket) == {KEY: b"1", SUPERSEDED: b"1"}
        assert spool.drain(store_on(embedded_s3, bucket, endpoint_url=server.base_url)).problems == ()
    assert objects_in(embedded_s3, bucket) == {KEY: b"2", SUPERSEDED: b"1"}
    assert spool.entries() == ()


def test_an_object_of_somebody_else_is_kept_too(
    store: ObjectStore, embedded_s3: EmbeddedS3, bucket: str
) -> None:
    embedded_s3.client().put_object(Bucket=bucket, Key=KEY, Body=b"by hand")
    store.store(storable(b"1"))
    kept = objects_in(embedded_s3, bucket)
    assert kept.pop(KEY) == b"1"
    ((key, body),) = kept.items()
    assert key.startswith("load/_superseded/load_20240105_20")
    assert body == b"by hand"


@pytest.fixture
def windows(embedded_s3: EmbeddedS3, bucket: str, tmp_path: Path) -> Iterator[Windows]:
    with windows_of_a_service(store_on(embedded_s3, bucket), tmp_path / "spool") as found:
        yield found


def test_a_window_collected_again_with_other_content_keeps_every_output(
    windows: Windows, embedded_s3: EmbeddedS3, bucket: str
) -> None:
    api = windows.api(outputs=["csv", "parquet", "raw"])
    windows.respond = hours_of
    windows.collect(api)
    first = objects_in(embedded_s3, bucket)
    windows.collect(api, force=True)
    assert objects_in(embedded_s3, bucket) == first, "the same content is stored once"
    windows.respond = lambda query: hours_of(query, mw=7)
    (outcome,) = windows.collect(api, force=True)
    assert outcome.error is None
    now = objects_in(embedded_s3, bucket)
    assert len(now) == 6
    kept = {key: body for key, body in now.items() if "/_superseded/" in key}
    assert sorted(kept.values()) == sorted(first.values())
    assert all(now[key] != body for key, body in first.items())
    body = now["load/load_20240105.csv"]
    assert hashlib.sha256(body).hexdigest() == metadata_at(embedded_s3, bucket, KEY)["sha256"]


def zone_rows(query: Mapping[str, str]) -> Response:
    return json_response([{"t": f"{query['day']}T00:00Z", "mw": len(query["zone"])}])


@pytest.mark.parametrize("max_window", [1, 2])
def test_windows_stored_without_a_value_are_collected_again_when_it_is_added(
    windows: Windows, embedded_s3: EmbeddedS3, bucket: str, max_window: int, caplog: pytest.LogCaptureFixture
) -> None:
    def api(*zones: str) -> Any:
        return windows.api(
            params={"day": "{start:%Y-%m-%d}", "last": "{last:%Y-%m-%d}", "zone": "{zone}"},
            values={"zone": list(zones)},
            dates={"unit": "day", "timezone": "UTC", "max_window": max_window},
        )

    first, last = date(2024, 1, 5), date(2024, 1, 8)
    count = 4 // max_window
    windows.respond = zone_rows
    assert len(windows.collect(api("A"), first, last)) == count
    assert metadata_at(embedded_s3, bucket, KEY)["request"] == '{"zone":["A"]}'
    assert windows.collect(api("A"), first, last) == []
    assert not caplog.records
    assert len(windows.collect(api("A", "B"), first, last)) == count
    assert f"Load: {count} stored windows lack zone B, which was added later" in caplog.text
    assert objects_in(embedded_s3, bucket)[KEY].count(b"\n") == 3
    assert windows.collect(api("A", "B"), first, last) == []
    # one that is removed is no reason to collect anything
    assert windows.collect(api("B"), first, last) == []


def test_only_the_windows_stored_before_a_value_was_added_are_collected_again(windows: Windows) -> None:
    def api(*zones: str) -> Any:
        return windows.api(params={"day": "{start:%Y-%m-%d}", "zone": "{zone}"}, values={"zone": list(zones)})

    windows.respond = zone_rows
    windows.collect(api("A"), date(2024, 1, 7), date(2024, 1, 8))
    newest = windows.store.latest("load", "load")
    assert newest is not None

    def a_second_has_passed() -> bool:
        # a listing gives times in whole seconds
        return datetime.now(UTC) > newest.last_modified + timedelta(seconds=1.1)

    eventually(a_second_has_passed)
    windows.collect(api("A", "B"), date(2024, 1, 1), date(2024, 1, 2))
    asked = len(windows.requests)
    windows.collect(api("A", "B"), date(2024, 1, 1), date(2024, 1, 8))
    again = {query["day"] for query in windows.requests[asked:]}
    assert {"2024-01-07", "2024-01-08"} <= again
    assert not {"2024-01-01", "2024-01-02"} & again
