"""A real S3 server on this machine: SeaweedFS, from its wheel, with its data in a folder."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from flows.process.child_process import ChildProcess, ServerStartError, free_ports
from flows.sandbox.s3_identities import S3Identity, kept_owner, write_identities

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_START_ATTEMPTS = 3
_PORT_TAKEN = "address already in use"
_ANSWER_SECONDS, _READ_SECONDS = 2, 30
# where SeaweedFS makes its Unix sockets, whatever TMPDIR says
_SOCKET_FOLDER = Path("/tmp")  # noqa: S108
PORT_OPTIONS = (
    "-s3.port",
    "-s3.port.grpc",
    "-master.port",
    "-master.port.grpc",
    "-volume.port",
    "-volume.port.grpc",
    "-filer.port",
    "-filer.port.grpc",
)


class EmbeddedS3:
    """SeaweedFS as one process on loopback ports that the operating system picked.

    Its data and a random access key are kept in `data_dir`, so that the next start finds both.
    Buckets are not made by writing to them.

    Args:
        data_dir: Where all is kept; made where it is missing.
        more_identities: Further users, beside the one with full access.
    """

    region = "us-east-1"

    def __init__(self, data_dir: Path, more_identities: Sequence[S3Identity] = ()) -> None:
        self._folder = data_dir.resolve()
        self._more_identities = more_identities
        # it waits 15 s for its own connections when asked to end, and loses nothing it has
        # acknowledged when it is killed
        self._process = ChildProcess("weed", self._folder, grace_seconds=0)
        self._ports: list[int] = []
        self.endpoint_url = ""

    @cached_property
    def _owner(self) -> S3Identity:
        return kept_owner(self._folder)

    @property
    def access_key(self) -> str:
        """The access key of the user with full access."""
        return self._owner.access_key

    @property
    def secret_key(self) -> str:
        """The secret key of the user with full access."""
        return self._owner.secret_key

    def start(self) -> None:
        """Start the process; it answers once `wait_until_ready` returns.

        Raises:
            ServerStartError: Where the wheel is not installed, or another run uses the folder.
        """
        self._start_on(free_ports(len(PORT_OPTIONS)))

    def wait_until_ready(self, timeout_seconds: float = 60) -> None:
        """Wait until the server answers to its key and has its storage, in some two seconds.

        Where another program has taken one of its ports meanwhile, it is started again on others.
        `endpoint_url` then stays, unless it is the very port that is taken.

        Raises:
            ServerStartError: Where it does not come up.
        """
        for _ in range(_START_ATTEMPTS - 1):
            try:
                self._process.wait_until_ready(self._is_ready, timeout_seconds)
            except ServerStartError:
                if not self._was_refused_a_port():
                    raise
                self._start_on_other_ports()
            else:
                return
        self._process.wait_until_ready(self._is_ready, timeout_seconds)

    def stop(self) -> None:
        """End the process; the data stays."""
        self._process.stop()
        for port in self._ports:
            for socket_file in _SOCKET_FOLDER.glob(f"seaweedfs-*-{port}.sock"):
                socket_file.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def client(self, identity: S3Identity | None = None) -> S3Client:
        """A boto3 client for this server, whatever the machine's AWS settings are."""
        return self._client(identity or self._owner, read_timeout=_READ_SECONDS, attempts=2)

    def _client(self, identity: S3Identity, read_timeout: float, attempts: int) -> S3Client:
        from botocore.config import Config

        config = Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": attempts},
            connect_timeout=_ANSWER_SECONDS,
            read_timeout=read_timeout,
        )
        client: S3Client = self._session.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=identity.access_key,
            aws_secret_access_key=identity.secret_key,
            config=config,
        )
        return client

    @cached_property
    def _session(self) -> Any:
        """A boto3 session without the machine's AWS settings; its first client takes 50 ms, others 4 ms."""
        import boto3
        import botocore.session

        nowhere = (None, None, os.devnull, None)
        own_settings = {
            "profile": (None, None, None, None),
            "config_file": nowhere,
            "credentials_file": nowhere,
        }
        return boto3.session.Session(
            botocore_session=botocore.session.Session(session_vars=own_settings), region_name=self.region
        )

    def create_bucket(self, name: str, timeout_seconds: float = 30) -> None:
        """Make a bucket that takes objects, or leave the one there is as it is."""
        from botocore.exceptions import ClientError

        client = self.client()
        probe = ".ready"
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                if name not in (bucket.get("Name") for bucket in client.list_buckets()["Buckets"]):
                    client.create_bucket(Bucket=name)
                # the first content in a bucket waits for its storage volume; an empty object has none
                client.put_object(Bucket=name, Key=probe, Body=b"-")
                client.delete_object(Bucket=name, Key=probe)
            except ClientError as error:
                is_not_ready_yet = error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
                if not is_not_ready_yet or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def _start_on(self, ports: list[int]) -> None:
        program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
        if program is None:
            raise ServerStartError("the embedded S3 server comes with the extra 'demo': uv sync --extra demo")
        identities_file = write_identities(self._folder, [self._owner, *self._more_identities])
        self._ports = ports
        self.endpoint_url = f"http://127.0.0.1:{ports[0]}"
        self._process.start(
            [
                program,
                "server",
                f"-dir={self._folder}",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-filer",
                "-s3",
                f"-s3.config={identities_file}",
                "-s3.autoCreateBucket=false",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                # alone, so that it need not be elected: an election that is late makes the storage
                # wait for five seconds more, in which what is stored cannot be read
                "-master.peers=none",
                "-master.telemetry=false",
                "-master.volumeSizeLimitMB=256",
                "-volume.max=1000",
                *(f"{option}={port}" for option, port in zip(PORT_OPTIONS, ports, strict=True)),
            ],
            # one volume for a new bucket instead of seven, or some twenty buckets would use up all
            env={**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"},
        )

    def _was_refused_a_port(self) -> bool:
        return not self._process.is_running and _PORT_TAKEN in self._process.log

    def _start_on_other_ports(self) -> None:
        s3_port, *_ = self._ports
        refusals = [line for line in self._process.log.splitlines() if _PORT_TAKEN in line]
        self.stop()
        other_s3_port, *others = free_ports(len(PORT_OPTIONS))
        is_s3_port_taken = any(f":{s3_port}:" in line for line in refusals)
        self._start_on([other_s3_port if is_s3_port_taken else s3_port, *others])

    def _is_ready(self) -> bool:
        return self._has_storage() and self._lets_its_owner_in()

    def _has_storage(self) -> bool:
        """Whether the part that keeps the objects has joined, without which reading them fails."""
        master_port = self._ports[PORT_OPTIONS.index("-master.port")]
        url = f"http://127.0.0.1:{master_port}/dir/status"
        try:
            with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as reply:
                return bool(json.load(reply)["Topology"]["Max"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return False

    def _lets_its_owner_in(self) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            # not patiently: on a port that was taken it may be another program that is asked
            self._client(self._owner, read_timeout=_ANSWER_SECONDS, attempts=1).list_buckets()
        except (BotoCoreError, ClientError, ResponseParserError):
            return False
        return True
