"""What tests of whole runs share: a Prefect client on the embedded server, and a pipeline on all of them."""

from __future__ import annotations

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
from flows.sandbox.prefect_server import EmbeddedPrefectServer


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
    """Makes a pipeline for a configuration file that stores into the test's own bucket."""
    monkeypatch.chdir(tmp_path)
    return lambda config_file: EnergyDataPipelineIntegration(config_file, bucket)
