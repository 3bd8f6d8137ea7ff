"""The embedded S3 server: what it keeps, when it is ready, and ports that are taken."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from flows.process.child_process import ServerStartError, free_ports
from flows.sandbox import s3_server
from flows.sandbox.s3_identities import S3Identity
from flows.sandbox.s3_server import EmbeddedS3
from tests.flow.processes import processes_that_mention


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port of 127.0.0.1 that another program listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def socket_files_of(server: EmbeddedS3) -> list[Path]:
    port = server.endpoint_url.rpartition(":")[2]
    return list(Path("/tmp").glob(f"seaweedfs-s3-{port}.sock"))


def test_data_and_keys_survive_a_restart(tmp_path: Path) -> None:
    with EmbeddedS3(tmp_path) as first:
        first.create_bucket("kept")
        client = first.client()
        for number in range(20):
            client.put_object(Bucket="kept", Key=f"{number}", Body=b"v" * number * 10_000)
        keys = (first.access_key, first.secret_key)
    assert socket_files_of(first) == []
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("*.json")} == {0o600}
    with EmbeddedS3(tmp_path) as again:
        assert (again.access_key, again.secret_key) == keys
        client = again.client()
        for number in range(20):
            # at once: it is not ready before what it keeps can be read
            assert client.get_object(Bucket="kept", Key=f"{number}")["Body"].read() == b"v" * number * 10_000
        again.create_bucket("kept")
        assert client.list_objects_v2(Bucket="kept")["KeyCount"] == 20
    assert keys[1] not in repr(again)
    assert processes_that_mention(str(tmp_path)) == []


def test_ambient_aws_settings_do_not_matter(
    embedded_s3: EmbeddedS3, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_PROFILE": "no-such-profile",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "ambient",
        "AWS_SECRET_ACCESS_KEY": "ambient",
        "AWS_SESSION_TOKEN": "ambient",
        "AWS_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    names = [entry.get("Name") for entry in embedded_s3.client().list_buckets()["Buckets"]]
    assert bucket in names


def test_an_unknown_user_is_refused(embedded_s3: EmbeddedS3) -> None:
    stranger = S3Identity("stranger", "STRANGER", "canary-secret")
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        embedded_s3.client(stranger).list_buckets()
    assert "canary" not in repr(stranger)


@pytest.mark.parametrize("option", ["-s3.port", "-volume.port.grpc"])
def test_a_port_that_is_taken_meanwhile_is_replaced(
    tmp_path: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    picked: list[list[int]] = []

    def ports_of_which_one_is_taken_at_first(count: int) -> list[int]:
        picked.append(free_ports(count))
        if len(picked) == 1:
            picked[0][s3_server.PORT_OPTIONS.index(option)] = taken_port
        return picked[-1]

    monkeypatch.setattr(s3_server, "free_ports", ports_of_which_one_is_taken_at_first)
    server = EmbeddedS3(tmp_path)
    server.start()
    endpoint_at_first = server.endpoint_url
    try:
        server.wait_until_ready()
        server.create_bucket("on-other-ports")
    finally:
        server.stop()
    assert len(picked) == 2
    assert (server.endpoint_url == endpoint_at_first) == (option != "-s3.port")
    assert processes_that_mention(str(tmp_path)) == []


def test_a_start_that_fails_leaves_nothing_running(
    tmp_path: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_server, "free_ports", lambda count: [*free_ports(count - 1), taken_port])
    with pytest.raises(ServerStartError, match=r"exit code \d+.*weed\.log"), EmbeddedS3(tmp_path):
        pytest.fail("it started on a port that is taken")
    assert processes_that_mention(str(tmp_path)) == []


def test_the_owners_key_is_made_once(tmp_path: Path) -> None:
    server = EmbeddedS3(tmp_path)
    assert server.access_key in (tmp_path / "access_key.json").read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["access_key.json"]
    assert json.loads((tmp_path / "access_key.json").read_text())["secret_key"] == server.secret_key
    assert EmbeddedS3(tmp_path).secret_key == server.secret_key
