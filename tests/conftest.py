"""The servers that tests use, all on loopback addresses: an ISO New England API, S3 and Prefect."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from flows.process.prefect_server import EmbeddedPrefectServer
from flows.process.temporary_prefect import send_what_is_pending
from flows.sandbox.isone_api import BASE_PATH
from flows.sandbox.loopback_server import LoopbackServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.providers.faults import FaultScript
from tests.providers.isone import create_faulty_isone_api

# without a deadline, since a busy machine is no fault of the code
settings.register_profile("any machine", deadline=None, max_examples=40)
settings.load_profile("any machine")

# How often Prefect's server, workers and clients look for something new, in seconds; by default 2 to 10.
# Tests and all processes that they start use these, and no Prefect setting of the developer's.
for _name in [name for name in os.environ if name.startswith("PREFECT_")]:
    del os.environ[_name]
os.environ |= {
    "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "0.5",
    "PREFECT_WORKER_QUERY_SECONDS": "0.5",
}

Found = TypeVar("Found")
REPOSITORY = Path(__file__).parent.parent
NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
USERNAME, PASSWORD = "sandbox-user", "sandbox-password-4711"


@dataclass(frozen=True)
class IsoneSandbox:
    """The embedded API, its injected faults and the requests it has received."""

    url: str
    faults: FaultScript

    def api(self, name: str, resource: str, **options: Any) -> dict[str, Any]:
        """A configuration entry for one of its resources, e.g. `genfuelmix/current`."""
        slug = name.casefold().replace(" ", "_")
        auth = {"kind": "basic", "username": {"env": "SANDBOX_USER"}, "password": {"env": "SANDBOX_PASSWORD"}}
        entry = {"name": name, "url": f"{self.url}/{resource}", "output_folder": slug, "csv_prefix": slug}
        return {**entry, "auth": auth, **options}


def pytest_collection_finish() -> None:
    """Exclude the loaded modules from garbage collections, which take a tenth of the unit tests' CPU time."""
    gc.freeze()


def eventually(condition: Callable[[], Found], timeout_seconds: float = 60) -> Found:
    """Wait until `condition` returns something true and return it; fail the test at the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{condition.__name__} was not true within {timeout_seconds:g} s")
        time.sleep(0.02)
    return found


@pytest.fixture
def recorded_payloads() -> Path:
    """The folder of recorded responses of the real service, which are kept outside the repository."""
    folder = REPOSITORY.parent / "shared" / "isone" / "payloads"
    if not folder.is_dir():
        pytest.skip(f"the recorded responses are not on this machine ({folder})")
    return folder


@pytest.fixture
def isone(monkeypatch: pytest.MonkeyPatch) -> Iterator[IsoneSandbox]:
    """An embedded API for this test alone; SANDBOX_USER and SANDBOX_PASSWORD hold its credentials."""
    monkeypatch.setenv("SANDBOX_USER", USERNAME)
    monkeypatch.setenv("SANDBOX_PASSWORD", PASSWORD)
    faults = FaultScript()
    app = create_faulty_isone_api(faults, username=USERNAME, password=PASSWORD)
    with LoopbackServer(app) as server:
        yield IsoneSandbox(server.base_url + BASE_PATH, faults)


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., Path]:
    """Writes a configuration file with the given entries and returns its path."""

    def write(*apis: dict[str, Any], **top_level: Any) -> Path:
        file = tmp_path / "api_config.json"
        file.write_text(json.dumps({"apis": apis, **top_level}), encoding="utf-8")
        return file

    return write


@pytest.fixture(scope="session")
def embedded_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedS3]:
    """An S3 server for all tests of this process."""
    with EmbeddedS3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(embedded_s3: EmbeddedS3) -> str:
    """A new, empty bucket."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    embedded_s3.create_bucket(name)
    return name


@pytest.fixture
def aws_environment(embedded_s3: EmbeddedS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the AWS variables to those of the embedded server."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", embedded_s3.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", embedded_s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", embedded_s3.secret_key)
    monkeypatch.setenv("AWS_REGION", embedded_s3.region)


@pytest.fixture(scope="session")
def new_prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Makes a Prefect home with a copy of one migrated database; the migrations take ten seconds."""
    # one copy for all xdist processes, whose base folders have a common parent
    base = tmp_path_factory.getbasetemp()
    template = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "prefect-template"
    with template.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            making = template.with_suffix(".making")
            with EmbeddedPrefectServer(making):
                pass
            making.rename(template)

    def make(home: Path) -> Path:
        home.mkdir(parents=True, exist_ok=True)
        for file in template.glob("prefect.db*"):
            shutil.copy(file, home)
        return home

    return make


@pytest.fixture(scope="session")
def prefect_server(
    tmp_path_factory: pytest.TempPathFactory, new_prefect_home: Callable[[Path], Path]
) -> Iterator[EmbeddedPrefectServer]:
    """A Prefect server with all its services, for all tests of this process."""
    home = new_prefect_home(tmp_path_factory.mktemp("prefect"))
    with EmbeddedPrefectServer(home, run_services=True, inherits_settings=True) as server:
        yield server
        send_what_is_pending()
