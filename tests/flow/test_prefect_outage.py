"""A Prefect server that dies or stops responding amid a run: the run's results come back all the same."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from flows.process.prefect_server import EmbeddedPrefectServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import eventually
from tests.flow.processes import processes_that_mention
from tests.interrupted_runs import InterruptedRuns, interrupted_runs
from tests.providers import faults

NOT_PUBLISHED = "does not respond: the run's artifacts were not published"


@pytest.fixture
def server(tmp_path: Path, new_prefect_home: Callable[[Path], Path]) -> Iterator[EmbeddedPrefectServer]:
    """A Prefect server that only this test uses."""
    with EmbeddedPrefectServer(new_prefect_home(tmp_path / "server")) as started:
        yield started


@pytest.fixture
def runs(tmp_path: Path, embedded_s3: EmbeddedS3, server: EmbeddedPrefectServer) -> Iterator[InterruptedRuns]:
    """Runs of slow APIs on that server."""
    with interrupted_runs(tmp_path, embedded_s3, {"PREFECT_API_URL": server.api_url}) as found:
        yield found


def signal_server(folder: Path, number: signal.Signals) -> None:
    """Send the Prefect server a signal."""
    (process,) = processes_that_mention(str(folder / "server"))
    os.kill(process, number)


def test_a_run_whose_prefect_server_dies_returns_its_results(tmp_path: Path, runs: InterruptedRuns) -> None:
    runs.configure(apis=2)
    drip = faults.Fault("drip", seconds=0.2, piece_bytes=100)
    runs.faults.clear()
    runs.faults.add("*", faults.status(404))
    runs.faults.add("*", drip, times=None)
    process = runs.start()
    eventually(lambda: len(runs.faults.requests) == 2)
    signal_server(tmp_path, signal.SIGKILL)
    assert process.wait(90) == 1, process.errors
    assert "completed: 1 of 2 APIs" in process.output
    assert runs.check_bucket() == 1
    assert NOT_PUBLISHED in " ".join(process.errors.split())
    assert "Traceback" not in process.errors


def test_a_backfill_whose_prefect_server_dies_returns_its_results(
    tmp_path: Path, runs: InterruptedRuns
) -> None:
    runs.configure_days("2024-01-01", "2024-01-08", seconds_per_byte=0.0002)
    process = runs.start()
    eventually(lambda: runs.faults.requests)
    signal_server(tmp_path, signal.SIGKILL)
    assert process.wait(120) == 0, process.errors
    assert "8 of 8 stored" in process.output
    assert "Traceback" not in process.errors
    assert runs.check_bucket() == 8


def test_a_prefect_server_that_responds_again_has_the_artifacts(
    tmp_path: Path, runs: InterruptedRuns, server: EmbeddedPrefectServer
) -> None:
    runs.configure(apis=3)
    process = runs.start()
    eventually(lambda: len(runs.faults.requests) == 3)
    signal_server(tmp_path, signal.SIGSTOP)
    eventually(lambda: runs.check_bucket() == 3)
    signal_server(tmp_path, signal.SIGCONT)
    assert process.wait(90) == 0, process.errors
    assert NOT_PUBLISHED not in " ".join(process.errors.split())
    (flow_run,) = httpx.post(f"{server.api_url}/flow_runs/filter", json={}).json()
    assert flow_run["state_type"] == "COMPLETED"
    artifacts = httpx.post(f"{server.api_url}/artifacts/filter", json={}).json()
    assert {each["key"] for each in artifacts} == {"energy-pipeline-report", "energy-pipeline-statistics"}


CALLER = """
import json, sys
from flows.integration import EnergyDataPipelineIntegration
results = EnergyDataPipelineIntegration(*sys.argv[1:]).run_full_pipeline()
print(json.dumps(results["summary"]))
"""


def test_a_caller_of_the_class_gets_its_results_and_exits(tmp_path: Path, runs: InterruptedRuns) -> None:
    runs.configure(apis=3)
    process = runs.start_caller(CALLER)
    eventually(lambda: len(runs.faults.requests) == 3)
    signal_server(tmp_path, signal.SIGKILL)
    assert process.wait(90) == 0, process.errors
    assert json.loads(process.output)["successful_end_to_end"] == 3
    assert "Traceback" not in process.errors
