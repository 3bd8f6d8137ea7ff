"""The servers that all contestants of a benchmark use: the API, S3 and Prefect."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flows.process.prefect_server import EmbeddedPrefectServer
from flows.sandbox.s3_server import EmbeddedS3

BUCKET = "benchmark"


class Servers:
    """The servers of a benchmark, and a folder for temporary files."""

    def __init__(self, api: str, s3: EmbeddedS3, prefect: EmbeddedPrefectServer, folder: Path) -> None:
        self.api = api
        self.s3 = s3
        self.prefect = prefect
        self.folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of every contestant."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "AWS_"))
        }
        return {
            **kept,
            "PREFECT_HOME": str(self.folder / "prefect-client"),
            "AWS_ENDPOINT_URL_S3": self.s3.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
            "AWS_REGION": self.s3.region,
            "AWS_DEFAULT_REGION": self.s3.region,
            "NO_COLOR": "1",
        }


@contextmanager
def started_servers() -> Iterator[Servers]:
    with ExitStack() as started:
        folder = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.load_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.callback(process.wait)
        started.callback(process.terminate)
        assert process.stdout
        api = process.stdout.readline().strip()
        s3 = started.enter_context(EmbeddedS3(folder / "s3"))
        prefect = started.enter_context(EmbeddedPrefectServer(folder / "prefect", run_services=True))
        s3.create_bucket(BUCKET)
        yield Servers(api, s3, prefect, folder)
