"""Real servers for the tests: an ISO New England API, S3 and Prefect, all on this machine."""

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

# how long an example takes says how busy the machine is; fewer of them keep the suite within minutes
settings.register_profile("any machine", deadline=None, max_examples=40)
settings.load_profile("any machine")

Found = TypeVar("Found")


def pytest_collection_finish() -> None:
    """What is loaded by now stays, so that looking for garbage in it is a waste."""
    gc.freeze()


REPOSITORY = Path(__file__).parent.parent
NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
USERNAME, PASSWORD = "sandbox-user", "sandbox-password-4711"


@dataclass(frozen=True)
class IsoneSandbox:
    """The embedded API, with the faults it is asked for and the requests it has seen."""

    url: str
    faults: FaultScript

    def api(self, name: str, resource: str, **options: Any) -> dict[str, Any]:
        """A configuration entry for one of its resources."""
        slug = name.casefold().replace(" ", "_")
        auth = {"kind": "basic", "username": {"env": "SANDBOX_USER"}, "password": {"env": "SANDBOX_PASSWORD"}}
        entry = {"name": name, "url": f"{self.url}/{resource}", "output_folder": slug, "csv_prefix": slug}
        return {**entry, "auth": auth, **options}


def eventually(condition: Callable[[], Found], timeout_seconds: float = 60) -> Found:
    """What `condition` gives as soon as it is true, asked again until then."""
    deadline = time.monotonic() + timeout_seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{condition.__name__} did not come true within {timeout_seconds:g} s")
        time.sleep(0.1)
    return found


@pytest.fixture
def recorded_payloads() -> Path:
    """The folder of real recorded replies, which are kept outside the repository."""
    folder = REPOSITORY.parent / "shared" / "isone" / "payloads"
    if not folder.is_dir():
        pytest.skip(f"the recorded replies are not on this machine ({folder})")
    return folder


@pytest.fixture
def isone(monkeypatch: pytest.MonkeyPatch) -> Iterator[IsoneSandbox]:
    """An embedded API of this test's own; its credentials are in SANDBOX_USER and SANDBOX_PASSWORD."""
    monkeypatch.setenv("SANDBOX_USER", USERNAME)
    monkeypatch.setenv("SANDBOX_PASSWORD", PASSWORD)
    faults = FaultScript()
    app = create_faulty_isone_api(faults, username=USERNAME, password=PASSWORD)
    with LoopbackServer(app) as server:
        yield IsoneSandbox(server.base_url + BASE_PATH, faults)


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., Path]:
    """Writes a configuration file of these entries and gives its path."""

    def write(*apis: dict[str, Any], **top_level: Any) -> Path:
        file = tmp_path / "api_config.json"
        file.write_text(json.dumps({"apis": apis, **top_level}), encoding="utf-8")
        return file

    return write


@pytest.fixture(scope="session")
def embedded_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedS3]:
    """One S3 server for all tests."""
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
    """The ordinary AWS variables, for the embedded server and nothing else on this machine."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", embedded_s3.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", embedded_s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", embedded_s3.secret_key)
    monkeypatch.setenv("AWS_REGION", embedded_s3.region)


@pytest.fixture(scope="session")
def new_prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Makes a folder a Prefect home whose database has its tables; making those takes ten seconds."""
    # one for all processes of this test run, whose folders are beside one another
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
    """One Prefect server, with the services of a standing one, for all tests."""
    home = new_prefect_home(tmp_path_factory.mktemp("prefect"))
    with EmbeddedPrefectServer(home, run_services=True) as server:
        yield server
        send_what_is_pending()
