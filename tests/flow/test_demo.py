"""`energy-pipeline demo` in a new folder: run twice, kept up with its UI, and interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import eventually
from tests.flow.processes import processes_that_mention

StartDemo = Callable[..., subprocess.Popen[bytes]]

DEMO = [sys.executable, "-m", "flows", "demo"]


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment, with an AWS profile that the demo must ignore."""
    return {**os.environ, "NO_COLOR": "1", "AWS_PROFILE": "no-such-profile"}


@pytest.fixture
def start_demo(
    tmp_path: Path, environment: dict[str, str], new_prefect_home: Callable[[Path], Path]
) -> Iterator[StartDemo]:
    """Starts the demo with a Prefect database that is migrated already; kills it should the test fail."""
    new_prefect_home(tmp_path / ".energy-pipeline" / "prefect")
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str, stdout: Path, stderr: Path) -> subprocess.Popen[bytes]:
        with stdout.open("w") as out, stderr.open("w") as err:
            started.append(
                subprocess.Popen([*DEMO, *options], cwd=tmp_path, env=environment, stdout=out, stderr=err)
            )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_each_time_it_stores_four_objects_and_with_ui_it_stays_up_until_interrupted(
    tmp_path: Path, environment: dict[str, str], start_demo: StartDemo
) -> None:
    output, errors = tmp_path / "stdout.txt", tmp_path / "stderr.txt"
    alone = start_demo(stdout=output, stderr=errors)
    assert alone.wait(240) == 0, errors.read_text()
    keys = keys_of_what_was_stored(output, errors)
    assert "python -m flows demo --ui" in output.read_text()
    assert processes_that_mention(str(tmp_path)) == []

    with_ui = start_demo("--ui", stdout=output, stderr=errors)
    eventually(lambda: "Ctrl-C ends it" in output.read_text(), timeout_seconds=200)
    address = re.search(r"Prefect UI: +(http://\S+)", output.read_text())
    assert address is not None
    assert "<html" in httpx.get(address.group(1)).text
    # the command that it prints for another terminal
    looked = subprocess.run(
        ["sh", "-c", f"set -a; . .energy-pipeline/demo.env; set +a; {sys.executable} -m flows status"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert looked.returncode == 0, looked.stderr
    assert "Fuel Mix: iso_ne_fuel_mix/fuel_mix_" in looked.stdout
    with_ui.send_signal(signal.SIGINT)
    assert with_ui.wait(60) == 0
    keys |= keys_of_what_was_stored(output, errors)

    assert len(keys) == 8
    assert processes_that_mention(str(tmp_path)) == []
    assert {path.name for path in tmp_path.iterdir()} == {".energy-pipeline", output.name, errors.name}
    with EmbeddedS3(tmp_path / ".energy-pipeline" / "s3") as s3:
        stored = {entry["Key"] for entry in s3.client().list_objects_v2(Bucket="energy-demo")["Contents"]}
    assert stored == keys


def keys_of_what_was_stored(output: Path, errors: Path) -> set[str]:
    printed = output.read_text()
    assert "4 of 4 APIs stored" in printed
    assert "read back from S3" in printed
    assert "Traceback" not in errors.read_text()
    return set(re.findall(r"s3://energy-demo/(\S+\.csv)$", printed, re.MULTILINE))


@pytest.mark.parametrize("moment", ["importing Prefect", "starting the Prefect server", "Beginning flow run"])
def test_an_interrupt_ends_it_and_all_it_started(tmp_path: Path, start_demo: StartDemo, moment: str) -> None:
    errors = tmp_path / "stderr.txt"
    process = start_demo(stdout=tmp_path / "stdout.txt", stderr=errors)
    eventually(lambda: moment in errors.read_text(), timeout_seconds=200)
    process.send_signal(signal.SIGINT)
    # an import restores the default action of the signal for a moment; a shell reports 130 for both
    assert process.wait(60) in {130, -signal.SIGINT}, errors.read_text()
    assert "Traceback" not in errors.read_text()
    assert processes_that_mention(str(tmp_path)) == []
