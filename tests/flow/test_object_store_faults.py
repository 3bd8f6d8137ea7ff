"""Faults of servers, networks and clocks during an upload: no wrong object, and a reason in one line."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from flows.object_store import StorableObject, StorageError, uploads
from flows.sandbox.loopback_server import LoopbackServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.flow.test_object_store_s3 import failure, keys_in, storable, store_on
from tests.s3_relay import RelayedS3, S3Request, is_conditional, s3_error

MIB = 2**20


def is_part(request: S3Request) -> bool:
    return "partNumber=" in request.path_and_query


def is_end_of_parts(request: S3Request) -> bool:
    return request.method == "POST" and "uploadId=" in request.path_and_query


def unfinished_in(s3: EmbeddedS3, bucket: str) -> list[str]:
    return [
        str(each.get("Key")) for each in s3.client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    ]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the S3 client retry without waiting."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None))


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes 6 MiB too large for one request; the server takes parts of at least 5 MiB."""
    monkeypatch.setattr(uploads, "SINGLE_REQUEST_BYTES", 6 * MIB - 1)
    monkeypatch.setattr(uploads, "PART_BYTES", 5 * MIB)


def large(first: bytes = b"a", key: str = "lmp/lmp_20240101_000000.csv") -> StorableObject:
    body = first + bytes(range(256)) * (6 * MIB // 256)
    return StorableObject(key, body, "text/csv", {"sha256": hashlib.sha256(body).hexdigest()})


class TestLargeObjects:
    @pytest.fixture(autouse=True)
    def _small_parts(self, small_parts: None) -> None:
        pass

    def test_they_are_uploaded_in_parts_each_with_a_checksum_and_never_over_another(
        self, embedded_s3: EmbeddedS3, bucket: str
    ) -> None:
        relayed = RelayedS3(embedded_s3, times=0)
        with LoopbackServer(relayed) as server:
            store = store_on(embedded_s3, bucket, endpoint_url=server.base_url)
            stored = [store.store(large(first)) for first in (b"a", b"b", b"a")]
        assert [each.key for each in stored] == [
            "lmp/lmp_20240101_000000.csv",
            "lmp/lmp_20240101_000000_2.csv",
            "lmp/lmp_20240101_000000.csv",
        ]
        assert [each.already_there for each in stored] == [False, False, True]
        for each, first in zip(stored[:2], (b"a", b"b"), strict=True):
            there = embedded_s3.client().get_object(Bucket=bucket, Key=each.key)
            assert there["Body"].read() == large(first).body
            assert there["Metadata"] == large(first).metadata
            assert there["ContentType"] == "text/csv"
        parts = list(filter(is_part, relayed.requests))
        assert [len(part.body) for part in parts] == [5 * MIB, MIB + 1] * 2
        assert all(b"x-amz-checksum-crc32" in part.headers for part in parts)
        assert all(map(is_conditional, filter(is_end_of_parts, relayed.requests)))
        assert unfinished_in(embedded_s3, bucket) == []

    @pytest.mark.parametrize("failing", [is_part, is_end_of_parts])
    def test_what_fails_midway_leaves_no_object_and_no_parts(
        self, embedded_s3: EmbeddedS3, bucket: str, failing: object
    ) -> None:
        refusal = s3_error("AccessDenied", 403)
        relayed = RelayedS3(embedded_s3, refusal, 100, concerns=failing)  # type: ignore[arg-type]
        with LoopbackServer(relayed) as server, pytest.raises(StorageError, match="s3:PutObject"):
            store_on(embedded_s3, bucket, endpoint_url=server.base_url).store(large())
        assert relayed.refused
        assert keys_in(embedded_s3, bucket) == set()
        assert unfinished_in(embedded_s3, bucket) == []

    def test_a_key_taken_meanwhile_is_left_as_it_is(self, embedded_s3: EmbeddedS3, bucket: str) -> None:
        other = large(b"other")

        def taken_at_the_end(request: S3Request) -> bool:
            if is_end_of_parts(request):
                embedded_s3.client().put_object(Bucket=bucket, Key=other.key, Body=other.body)
            return False

        with LoopbackServer(RelayedS3(embedded_s3, concerns=taken_at_the_end)) as server:
            stored = store_on(embedded_s3, bucket, endpoint_url=server.base_url).store(large())
        # the second one met the same fate, under its own name
        assert stored.key == "lmp/lmp_20240101_000000_2.csv"
        assert store_on(embedded_s3, bucket).read(other.key) == other.body
        assert store_on(embedded_s3, bucket).read(stored.key) == large().body
        assert unfinished_in(embedded_s3, bucket) == []

    @pytest.mark.parametrize("code", ["InternalError", "NoSuchUpload"])
    def test_an_end_whose_reply_is_lost_is_not_stored_twice(
        self, embedded_s3: EmbeddedS3, bucket: str, code: str
    ) -> None:
        relayed = RelayedS3(
            embedded_s3,
            s3_error(code, 500 if code == "InternalError" else 404),
            concerns=is_end_of_parts,
            is_written=True,
        )
        with LoopbackServer(relayed) as server:
            stored = store_on(embedded_s3, bucket, endpoint_url=server.base_url).store(large())
        assert relayed.refused == 1
        assert keys_in(embedded_s3, bucket) == {stored.key}
        assert store_on(embedded_s3, bucket).read(stored.key) == large().body
        assert unfinished_in(embedded_s3, bucket) == []


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("body_of", [storable, large], ids=["one request", "in parts"])
def test_a_body_changed_on_the_way_becomes_no_object(
    embedded_s3: EmbeddedS3, bucket: str, body_of: object
) -> None:
    put = large() if body_of is large else storable(b"a,b\n1,2\n")
    relayed = RelayedS3(embedded_s3, times=100, concerns=lambda each: each.method == "PUT", flipped_byte=3)
    with LoopbackServer(relayed) as server, pytest.raises(StorageError) as raised:
        store_on(embedded_s3, bucket, endpoint_url=server.base_url).store(put)
    assert all(b"x-amz-checksum-crc32" in each.headers for each in relayed.requests if each.method == "PUT")
    assert raised.value.retryable, str(raised.value)
    assert keys_in(embedded_s3, bucket) == set()
    assert unfinished_in(embedded_s3, bucket) == []


def test_an_object_changed_on_the_way_back_is_not_taken(embedded_s3: EmbeddedS3, bucket: str) -> None:
    stored = store_on(embedded_s3, bucket).store(storable(b"a,b\n1,2\n"))
    relayed = RelayedS3(
        embedded_s3, times=100, concerns=lambda each: each.method == "GET", flipped_byte_back=3
    )
    with LoopbackServer(relayed) as server, pytest.raises(StorageError, match=stored.key):
        store_on(embedded_s3, bucket, endpoint_url=server.base_url).read(stored.key)
    assert relayed.refused


@pytest.mark.parametrize(
    ("code", "status", "told", "retryable"),
    [
        ("ExpiredToken", 400, "the session token has expired: log in again", False),
        ("InvalidToken", 400, "the session token is not valid", False),
        ("RequestTimeTooSkewed", 403, "this machine's clock is wrong", False),
        ("SlowDown", 503, "SlowDown", True),
        ("ServiceUnavailable", 503, "ServiceUnavailable", True),
        ("EntityTooLarge", 400, "EntityTooLarge", False),
        ("QuotaExceeded", 403, "QuotaExceeded", False),
    ],
)
def test_what_a_server_refuses_is_told_in_words(
    embedded_s3: EmbeddedS3, bucket: str, code: str, status: int, told: str, retryable: bool
) -> None:
    with LoopbackServer(RelayedS3(embedded_s3, s3_error(code, status), times=100)) as server:
        error = failure(store_on(embedded_s3, bucket, endpoint_url=server.base_url))
    assert (error.code, error.retryable) == (code, retryable)
    assert told in str(error)
    assert keys_in(embedded_s3, bucket) == set()


def test_a_clock_that_is_far_off_is_told_as_such_by_the_server_itself(
    embedded_s3: EmbeddedS3, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # mended by the client itself where the server says its time, so its own mending is held off
    late = datetime.now(UTC) - timedelta(hours=3)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: late)
    error = failure(store_on(embedded_s3, bucket))
    assert (error.code, error.retryable) == ("RequestTimeTooSkewed", False)
    assert "this machine's clock is wrong" in str(error)


@pytest.mark.parametrize(
    "name",
    ["a b+c&d=e?f#g", "ü-日本-\N{SNOWMAN}", "100%25", "quote'\"", "~!@$*()[]{}|^`,;:<>", "…"],
)
def test_keys_with_odd_characters_are_those_that_were_meant(
    embedded_s3: EmbeddedS3, bucket: str, name: str
) -> None:
    store = store_on(embedded_s3, bucket, "raw")
    key = f"{name}/{name}_20240101_000000.csv"
    stored = [store.store(storable(body, key)) for body in (b"one", b"one", b"two")]
    assert [each.already_there for each in stored] == [False, True, False]
    assert keys_in(embedded_s3, bucket) == {f"raw/{key}", f"raw/{name}/{name}_20240101_000000_2.csv"}
    assert [store.read(each.key) for each in stored] == [b"one", b"one", b"two"]
    latest = store.latest(name, name)
    assert latest
    assert latest.key == stored[2].key
