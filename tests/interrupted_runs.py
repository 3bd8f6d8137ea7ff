"""Runs of slow APIs that are interrupted, and checks of the bucket after each."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.object_store import DrainReport, ObjectStore, Spool
from flows.object_store.buckets import bucket_by_name
from flows.run_report.last_run import last_results
from flows.sandbox.isone_api import BASE_PATH
from flows.sandbox.loopback_server import LoopbackServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.commands import StartedCommand
from tests.providers.faults import Fault, FaultScript
from tests.providers.isone import create_faulty_isone_api

_USERNAME, _PASSWORD = "sandbox-user", "sandbox-password"
_MAX_SPOOL_BYTES = 10**9
# smaller ones keep the machine busy
_PIECE_BYTES = 100


@dataclass(frozen=True)
class Ended:
    """How an interrupted run ended: its exit code, the seconds until it ended, and its stderr."""

    exit_code: int
    seconds: float
    errors: str


@dataclass(frozen=True)
class _Stored:
    etag: str
    run_id: str
    api_name: str
    dates: str
    sha256: str


class InterruptedRuns:
    """`energy-pipeline run` of slow APIs, in a folder of its own, into a bucket of its own.

    Args:
        folder: Where runs keep their spool, state and Prefect database.
        faults: Of the API.
        api_url: Of the API.
        s3: The server with the bucket.
        bucket: Where they store, and nothing else does.
        variables: Further environment, e.g. of a Prefect server.
    """

    def __init__(
        self,
        folder: Path,
        faults: FaultScript,
        api_url: str,
        s3: EmbeddedS3,
        bucket: str,
        variables: dict[str, str],
    ) -> None:
        self.faults = faults
        self.s3 = s3
        self._bucket = bucket
        self.folder = folder
        self._api_url = api_url
        self.spool = Spool(folder / ".energy-pipeline" / "spool", _MAX_SPOOL_BYTES)
        self._config_file = folder / "api_config.json"
        self.variables = variables
        self.apis = 0
        self._days: list[str] = []
        self._seen: dict[str, _Stored] = {}

    def configure(self, apis: int, seconds_per_byte: float = 0.001, **options: Any) -> None:
        """Write the configuration of so many APIs, whose responses of about a kilobyte arrive slowly."""
        auth = {"kind": "basic", "username": {"env": "SANDBOX_USER"}, "password": {"env": "SANDBOX_PASSWORD"}}
        entries = [
            {
                "name": f"mix {number:02}",
                "url": f"{self._api_url}/genfuelmix/current?number={number}",
                "output_folder": f"mix_{number:02}",
                "csv_prefix": "mix",
            }
            for number in range(apis)
        ]
        defaults = {"auth": auth, "max_concurrency": 16, **options}
        self._config_file.write_text(json.dumps({"apis": entries, "defaults": defaults}), encoding="utf-8")
        self.apis = apis
        self.faults.clear()
        if seconds_per_byte:
            drip = Fault("drip", seconds=seconds_per_byte * _PIECE_BYTES, piece_bytes=_PIECE_BYTES)
            self.faults.add("*", drip, times=None)

    def configure_days(self, first: str, last: str, seconds_per_byte: float) -> None:
        """Make runs collect past days of one API, in responses of about five kilobytes that arrive slowly."""
        self.configure(apis=1, seconds_per_byte=seconds_per_byte)
        document = json.loads(self._config_file.read_text(encoding="utf-8"))
        document["apis"][0] |= {
            "history_url": f"{self._api_url}/hourlylmp/da/final/day/{{start:%Y%m%d}}/location/4000",
            "dates": {"unit": "day", "timezone": "America/New_York"},
        }
        self._config_file.write_text(json.dumps(document), encoding="utf-8")
        self._days = ["--start", first, "--end", last]

    def start(self) -> StartedCommand:
        """Start a run."""
        options = ["--config", str(self._config_file), "--bucket", self._bucket, *self._days]
        return StartedCommand(
            *("run", *options),
            folder=self.folder,
            variables=self._environment(),
            outputs=self.folder.parent,
        )

    def start_caller(self, code: str) -> StartedCommand:
        """Start a Python program, which gets the configuration file and the bucket as its arguments."""
        program = self.folder / "caller.py"
        program.write_text(code, encoding="utf-8")
        return StartedCommand(
            *(self._config_file, self._bucket),
            folder=self.folder,
            variables=self._environment(),
            outputs=self.folder.parent,
            module="caller",
        )

    def interrupt(self, moment: Callable[[], object], how: signal.Signals) -> Ended:
        """Start a run, and end it by a signal once `moment` returns."""
        process = self.start()
        moment()
        begun = time.monotonic()
        process.send_signal(how)
        exit_code = process.wait(120)
        return Ended(exit_code, time.monotonic() - begun, process.errors)

    def run(self) -> str:
        """Run to the end, which must succeed; the run's stderr."""
        process = self.start()
        assert process.wait(300) == 0, process.errors
        return process.errors

    def rerun(self) -> int:
        """Run to the end, and check that all that earlier runs left in the spool is stored.

        Returns:
            How many objects there are in the bucket.
        """
        spooled = self.spool.entries()
        errors = self.run()
        count = self.check_bucket()
        stored = {(each.run_id, each.api_name): each.sha256 for each in self._seen.values()}
        for entry in spooled:
            pair = (entry.metadata["run-id"], entry.metadata["api-name"])
            assert stored.get(pair) == entry.sha256, f"{entry.key} was spooled and is lost"
        last = last_results(self.folder / ".energy-pipeline")
        assert last
        assert sum(run_id == last["run_id"] for run_id, _ in stored) == self.apis
        assert self.spool.entries() == (), f"{self.spool.entries()} of {spooled} are left\n{errors}"
        return count

    def drain(self) -> DrainReport:
        """Drain the spool from this process."""
        store = ObjectStore(bucket_by_name(self._bucket, self._environment()))
        return self.spool.drain(store)

    @property
    def keys(self) -> list[str]:
        """The keys that the last check of the bucket found."""
        return sorted(self._seen)

    def check_bucket(self) -> int:
        """Check that each object is whole and stored once, and that none has changed; how many there are."""
        client = self.s3.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        listed = {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}
        for key, seen in self._seen.items():
            assert listed[key] == seen.etag, f"{key} was overwritten or is gone"
        for key in listed.keys() - self._seen.keys():
            found = client.get_object(Bucket=self._bucket, Key=key)
            metadata = found["Metadata"]
            digest = hashlib.sha256(found["Body"].read()).hexdigest()
            assert digest == metadata["sha256"], f"{key} is torn"
            dates = metadata.get("window-start", "")
            self._seen[key] = _Stored(listed[key], metadata["run-id"], metadata["api-name"], dates, digest)
        pairs = {(each.run_id, each.api_name, each.dates) for each in self._seen.values()}
        assert len(pairs) == len(listed), "something is stored twice"
        return len(listed)

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return {
            **inherited,
            "PREFECT_HOME": str(self.folder / "prefect"),
            "SANDBOX_USER": _USERNAME,
            "SANDBOX_PASSWORD": _PASSWORD,
            "AWS_ENDPOINT_URL_S3": self.s3.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
            "AWS_REGION": self.s3.region,
            **self.variables,
        }


@contextmanager
def interrupted_runs(
    folder: Path,
    s3: EmbeddedS3,
    variables: dict[str, str] | None = None,
) -> Iterator[InterruptedRuns]:
    """Runs on an API of their own, into a new bucket."""
    faults = FaultScript()
    app = create_faulty_isone_api(faults, username=_USERNAME, password=_PASSWORD)
    with LoopbackServer(app) as server:
        bucket = f"interrupted-{uuid.uuid4().hex[:12]}"
        s3.create_bucket(bucket)
        work = folder / "work"
        work.mkdir()
        yield InterruptedRuns(work, faults, server.base_url + BASE_PATH, s3, bucket, variables or {})
