"""The embedded S3 server: what survives a restart, which settings it ignores, and ports in use."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from flows.process.child_process import free_ports
from flows.sandbox import s3_server
from flows.sandbox.s3_identities import S3Identity
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import REPOSITORY, eventually
from tests.flow.processes import processes_that_mention

HOLD_S3 = """
import sys, time
from pathlib import Path
from flows.sandbox.s3_server import EmbeddedS3
with EmbeddedS3(Path(sys.argv[1])) as server:
    server.create_bucket("kept")
    server.client().put_object(Bucket="kept", Key="object", Body=b"content" * 10_000)
    print("stored", flush=True)
    time.sleep(600)
"""


def test_the_server_ends_with_a_killed_parent_and_its_data_and_keys_are_found_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD_S3, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "stored\n"
        assert len(processes_that_mention(str(tmp_path))) == 3
        parent.kill()
    eventually(lambda: not processes_that_mention(str(tmp_path)))
    with EmbeddedS3(tmp_path) as again:
        # the owner's key is the same, and an object can be read as soon as the server is ready
        assert again.client().get_object(Bucket="kept", Key="object")["Body"].read() == b"content" * 10_000
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("*.json")} == {0o600}
    assert again.secret_key not in repr(again)
    assert processes_that_mention(str(tmp_path)) == []


def test_clients_ignore_the_aws_settings_of_the_environment_and_unknown_users_are_refused(
    embedded_s3: EmbeddedS3, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ambient = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
    for name in ambient:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert bucket in [entry.get("Name") for entry in embedded_s3.client().list_buckets()["Buckets"]]
    stranger = S3Identity("stranger", "STRANGER", "canary-secret")
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        embedded_s3.client(stranger).list_buckets()
    assert "canary" not in repr(stranger)


def test_a_port_in_use_is_replaced_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picked: list[list[int]] = []

    def ports(count: int) -> list[int]:
        picked.append(free_ports(count))
        if len(picked) == 1:
            picked[0][s3_server.PORT_OPTIONS.index("-master.port")] = taken
        return picked[-1]

    monkeypatch.setattr(s3_server, "free_ports", ports)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with EmbeddedS3(tmp_path) as server:
            server.create_bucket("on-other-ports")
    assert len(picked) == 2
    assert processes_that_mention(str(tmp_path)) == []
