"""Fixtures for tests of whole runs, as flows in this process and as commands in others."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_LOGGING_EXTRA_LOGGERS,
    temporary_settings,
)

from flows.integration import EnergyDataPipelineIntegration
from flows.orchestration import collection_tasks
from flows.process.prefect_server import EmbeddedPrefectServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.commands import StartedCommand
from tests.interrupted_runs import InterruptedRuns, interrupted_runs

StartCommand = Callable[..., StartedCommand]
RunCommand = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def prefect_client(prefect_server: EmbeddedPrefectServer, tmp_path: Path) -> Iterator[None]:
    """Makes this process a client of the embedded Prefect server."""
    updates = {
        PREFECT_API_URL: prefect_server.api_url,
        PREFECT_HOME: tmp_path / "prefect-client",
        PREFECT_LOGGING_EXTRA_LOGGERS: ["flows"],
    }
    with temporary_settings(updates):
        yield


@pytest.fixture
def pipeline_on(
    prefect_client: None, aws_environment: None, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], EnergyDataPipelineIntegration]:
    """Makes the pipeline of a configuration file, which stores into the test's own bucket."""
    monkeypatch.chdir(tmp_path)
    return lambda config_file: EnergyDataPipelineIntegration(config_file, bucket)


@pytest.fixture
def start_command(
    aws_environment: None, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> StartCommand:
    """Starts `energy-pipeline` in the test's folder, with these variables beside those of the environment."""
    outputs = tmp_path_factory.mktemp("outputs")

    def start(*arguments: str | Path, **variables: str) -> StartedCommand:
        environment = {**os.environ, "NO_COLOR": "1", **variables}
        return StartedCommand(*arguments, folder=tmp_path, variables=environment, outputs=outputs)

    return start


@pytest.fixture
def run_command(start_command: StartCommand) -> RunCommand:
    """Runs `energy-pipeline` to its end in the test's folder."""

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        command = start_command(*arguments, **variables)
        exit_code = command.wait(200)
        return subprocess.CompletedProcess(arguments, exit_code, command.output, command.errors)

    return run


@pytest.fixture
def short_retry_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a task of this process begin its next try after 0.1 s instead of 2 and 5 s."""
    for each in (collection_tasks.collect_and_store, collection_tasks.collect_and_store_windows):
        monkeypatch.setattr(each, "retry_delay_seconds", [0.1, 0.1])


@pytest.fixture
def on_prefect_server(prefect_server: EmbeddedPrefectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the commands that a test starts clients of the embedded Prefect server."""
    for name, value in prefect_server.client_settings.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def runs(
    tmp_path: Path, embedded_s3: EmbeddedS3, prefect_server: EmbeddedPrefectServer
) -> Iterator[InterruptedRuns]:
    """Runs of slow APIs in processes that a test may end."""
    with interrupted_runs(tmp_path, embedded_s3, prefect_server.client_settings) as found:
        yield found
