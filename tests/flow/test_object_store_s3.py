"""Storing on a real S3 server: nothing is overwritten or stored twice, and errors say what to do."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from flows.object_store import ObjectStore, StorableObject, StorageError, open_bucket
from flows.sandbox.loopback_server import LoopbackServer
from flows.sandbox.s3_identities import S3Identity
from flows.sandbox.s3_server import EmbeddedS3
from tests.s3_relay import RelayedS3, s3_error

READER = S3Identity("reader", "READERKEY0001", "canary-reader-secret", ("Read", "List"))


def storable(body: bytes, key: str = "fuel/mix_20240101_000000.csv", **metadata: str) -> StorableObject:
    return StorableObject(key, body, "text/csv; charset=utf-8", metadata)


def store_on(s3: EmbeddedS3, bucket: str, folder: str = "", **changes: Any) -> ObjectStore:
    options: dict[str, Any] = {
        "endpoint_url": s3.endpoint_url,
        "region": s3.region,
        "access_key_id": s3.access_key,
        "secret_access_key": SecretStr(s3.secret_key),
        "bucket_folder": folder,
    }
    return ObjectStore(open_bucket(bucket, **{**options, **changes}))


def keys_in(s3: EmbeddedS3, bucket: str) -> set[str]:
    return {entry["Key"] for entry in s3.client().list_objects_v2(Bucket=bucket).get("Contents", [])}


def test_an_object_is_stored_as_given(embedded_s3: EmbeddedS3, bucket: str) -> None:
    stored = store_on(embedded_s3, bucket).store(storable(b"a\n1\n", rows="1"))
    assert (stored.key, stored.size, stored.already_there) == ("fuel/mix_20240101_000000.csv", 4, False)
    assert stored.uri == f"s3://{bucket}/fuel/mix_20240101_000000.csv"
    there = embedded_s3.client().get_object(Bucket=bucket, Key=stored.key)
    assert there["Body"].read() == b"a\n1\n"
    assert there["ContentType"] == "text/csv; charset=utf-8"
    assert there["Metadata"] == {"rows": "1"}


def test_other_content_gets_the_next_number_and_the_same_content_is_not_stored_again(
    embedded_s3: EmbeddedS3, bucket: str
) -> None:
    store = store_on(embedded_s3, bucket)
    keys = [store.store(storable(body)).key for body in (b"one", b"two", b"three", b"two")]
    stem = "fuel/mix_20240101_000000"
    assert keys == [f"{stem}.csv", f"{stem}_2.csv", f"{stem}_3.csv", f"{stem}_2.csv"]
    assert store.store(storable(b"one")).already_there
    assert keys_in(embedded_s3, bucket) == set(keys)
    assert [store.read(key) for key in keys[:3]] == [b"one", b"two", b"three"]


def test_an_object_is_known_again_by_its_digest_or_else_by_its_content(
    embedded_s3: EmbeddedS3, bucket: str
) -> None:
    store = store_on(embedded_s3, bucket)
    digest = hashlib.sha256(b"one").hexdigest()
    store.store(storable(b"one", sha256=digest))
    assert store.store(storable(b"one", sha256=digest)).already_there
    # as somebody else put it there
    embedded_s3.client().put_object(Bucket=bucket, Key="fuel/bare.csv", Body=b"two")
    assert store.store(storable(b"two", "fuel/bare.csv")).already_there
    assert store.store(storable(b"three", "fuel/bare.csv")).key == "fuel/bare_2.csv"


@pytest.mark.parametrize(("code", "status"), [("NotImplemented", 501), ("InvalidArgument", 400)])
def test_a_server_without_conditional_writes_overwrites_nothing_either(
    embedded_s3: EmbeddedS3, bucket: str, code: str, status: int
) -> None:
    relayed = RelayedS3(embedded_s3, s3_error(code, status), times=10)
    with LoopbackServer(relayed) as server:
        store = store_on(embedded_s3, bucket, endpoint_url=server.base_url)
        stored = [store.store(storable(body)) for body in (b"one", b"two", b"one")]
    assert relayed.refused
    stem = "fuel/mix_20240101_000000"
    assert [each.key for each in stored] == [f"{stem}.csv", f"{stem}_2.csv", f"{stem}.csv"]
    assert [each.already_there for each in stored] == [False, False, True]
    assert keys_in(embedded_s3, bucket) == {f"{stem}.csv", f"{stem}_2.csv"}


def test_a_conflict_with_another_write_is_tried_again(embedded_s3: EmbeddedS3, bucket: str) -> None:
    relayed = RelayedS3(embedded_s3, s3_error("ConditionalRequestConflict", 409), times=2)
    with LoopbackServer(relayed) as server:
        stored = store_on(embedded_s3, bucket, endpoint_url=server.base_url).store(storable(b"x"))
    assert relayed.refused == 2
    assert not stored.already_there
    assert keys_in(embedded_s3, bucket) == {stored.key}


def test_a_write_whose_reply_is_lost_is_not_stored_twice(embedded_s3: EmbeddedS3, bucket: str) -> None:
    relayed = RelayedS3(embedded_s3, s3_error("InternalError", 500), is_written=True)
    with LoopbackServer(relayed) as server:
        stored = store_on(embedded_s3, bucket, endpoint_url=server.base_url).store(storable(b"x"))
    assert relayed.refused == 1
    assert stored.already_there
    assert keys_in(embedded_s3, bucket) == {stored.key}


@pytest.mark.parametrize("folder", ["raw", "/raw/", "raw/"])
def test_the_buckets_folder_goes_in_front_once(embedded_s3: EmbeddedS3, bucket: str, folder: str) -> None:
    stored = store_on(embedded_s3, bucket, folder).store(storable(b"x"))
    assert stored.key == "raw/fuel/mix_20240101_000000.csv"
    assert keys_in(embedded_s3, bucket) == {stored.key}


def test_threads_that_meet_at_one_key_lose_nothing(embedded_s3: EmbeddedS3, bucket: str) -> None:
    store = store_on(embedded_s3, bucket)
    stored: dict[str, bytes] = {}

    def put(body: bytes) -> None:
        stored[store.store(storable(body)).key] = body

    threads = [threading.Thread(target=put, args=[f"content {number}".encode()]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stored) == 8
    assert {key: store.read(key) for key in keys_in(embedded_s3, bucket)} == stored


def test_the_newest_object_is_found_among_others(embedded_s3: EmbeddedS3, bucket: str) -> None:
    store = store_on(embedded_s3, bucket, "raw")
    assert store.latest("fuel", "mix") is None
    for key in (
        "fuel/mix_20240101_000000.csv",
        "fuel/mix_extra_20250101_000000.csv",
        "other/mix_20260101_000000.csv",
    ):
        store.store(storable(key.encode(), key))
    newest = store.store(storable(b"newest"))
    found = store.latest("fuel", "mix")
    assert newest.key.endswith("_2.csv")
    assert found is not None
    assert found.key in {newest.key, newest.key.replace("_2.csv", ".csv")}
    assert "extra" not in found.key


def test_a_bucket_that_is_there_is_found_so(embedded_s3: EmbeddedS3, bucket: str) -> None:
    store_on(embedded_s3, bucket).check()
    with pytest.raises(StorageError, match="no such bucket"):
        store_on(embedded_s3, "not-there-at-all").check()


def failure(store: ObjectStore) -> StorageError:
    with pytest.raises(StorageError) as raised:
        store.store(storable(b"x"))
    assert "\n" not in str(raised.value)
    assert store.bucket in str(raised.value)
    assert "canary" not in str(raised.value)
    return raised.value


def test_a_missing_bucket_is_not_made(embedded_s3: EmbeddedS3) -> None:
    error = failure(store_on(embedded_s3, "missing-bucket"))
    assert (error.code, error.retryable) == ("NoSuchBucket", False)
    assert "missing-bucket" not in {
        entry.get("Name") for entry in embedded_s3.client().list_buckets()["Buckets"]
    }


def test_wrong_keys_are_told_as_such(embedded_s3: EmbeddedS3, bucket: str) -> None:
    error = failure(store_on(embedded_s3, bucket, secret_access_key=SecretStr("canary-wrong")))
    assert (error.code, error.retryable) == ("SignatureDoesNotMatch", False)
    error = failure(store_on(embedded_s3, bucket, access_key_id="nobody"))
    assert (error.code, error.retryable) == ("InvalidAccessKeyId", False)


def test_an_endpoint_out_of_reach_may_be_tried_again(embedded_s3: EmbeddedS3, bucket: str) -> None:
    error = failure(store_on(embedded_s3, bucket, endpoint_url="http://127.0.0.1:9"))
    assert error.retryable
    assert "does not answer" in str(error)


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("s3://bucket/folder", {}, "without s3://"),
        ("a-bucket", {"endpoint_url": "localhost:9000"}, r"http\(s\)://host:port"),
        ("a-bucket", {"endpoint_url": "user:canary@localhost:9000"}, r"http\(s\)://host:port"),
        ("a-bucket", {"region": "us east 1"}, "us east 1"),
    ],
    ids=["bucket given as URL", "endpoint without scheme", "endpoint with password", "no region"],
)
def test_what_is_mistyped_is_told_in_words(
    embedded_s3: EmbeddedS3, name: str, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(StorageError, match=reason) as raised:
        store_on(embedded_s3, name, **changes).store(storable(b"x"))
    assert not raised.value.retryable
    assert "canary" not in str(raised.value)


def test_a_service_that_is_overloaded_may_be_tried_again(embedded_s3: EmbeddedS3, bucket: str) -> None:
    with LoopbackServer(RelayedS3(embedded_s3, s3_error("SlowDown", 503), times=1000)) as server:
        error = failure(store_on(embedded_s3, bucket, endpoint_url=server.base_url))
    assert (error.code, error.retryable) == ("SlowDown", True)
    assert keys_in(embedded_s3, bucket) == set()


def test_a_profile_that_is_not_there_is_named(bucket: str) -> None:
    with pytest.raises(StorageError, match="no-such-profile"):
        ObjectStore(open_bucket(bucket, profile="no-such-profile"))


@pytest.fixture(scope="module")
def s3_with_reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedS3]:
    with EmbeddedS3(tmp_path_factory.mktemp("s3-reader"), [READER]) as server:
        server.create_bucket("read-only")
        yield server


def test_a_denied_bucket_is_told_as_such(s3_with_reader: EmbeddedS3) -> None:
    reader: dict[str, Any] = {
        "access_key_id": READER.access_key,
        "secret_access_key": SecretStr(READER.secret_key),
    }
    error = failure(store_on(s3_with_reader, "read-only", **reader))
    assert (error.code, error.retryable) == ("AccessDenied", False)
    assert "s3:PutObject" in str(error)
