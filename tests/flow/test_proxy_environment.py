"""Whole commands where the environment's proxy variables hold what httpx cannot parse."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.integration import EnergyDataPipelineIntegration
from tests.conftest import IsoneSandbox
from tests.flow.conftest import RunCommand

# as container engines set it
NO_PROXY = "127.0.0.1,::1,fd00::/8"
UNREACHABLE = "http://127.0.0.1:9"


@pytest.mark.usefixtures("on_prefect_server")
def test_commands_work_where_no_proxy_holds_ipv6_networks(
    run_command: RunCommand, write_config: Callable[..., Path], isone: IsoneSandbox, bucket: str
) -> None:
    config_file = write_config(isone.api("Fuel Mix", "genfuelmix/current"))
    variables = {"HTTP_PROXY": UNREACHABLE, "NO_PROXY": NO_PROXY}
    done = run_command("preview", "Fuel Mix", "--config", config_file, **variables)
    assert done.returncode == 0, done.stderr
    done = run_command("run", "--config", config_file, "--bucket", bucket, **variables)
    assert done.returncode == 0, done.stderr
    assert f"s3://{bucket}/fuel_mix/fuel_mix_" in done.stdout


def test_a_python_caller_has_its_environment_back(
    pipeline_on: Callable[[Path], EnergyDataPipelineIntegration],
    write_config: Callable[..., Path],
    isone: IsoneSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", UNREACHABLE)
    monkeypatch.setenv("NO_PROXY", NO_PROXY)
    pipeline = pipeline_on(write_config(isone.api("Fuel Mix", "genfuelmix/current")))
    assert pipeline.run_full_pipeline()["statistics"]["successful_collections"] == 1
    assert os.environ["NO_PROXY"] == NO_PROXY
