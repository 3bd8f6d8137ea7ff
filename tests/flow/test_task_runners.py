"""Task runners by a setting: in other processes the same is stored, and what cannot be used is said."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.api_config import ExplicitBucket, use_bucket
from flows.integration import EnergyDataPipelineIntegration
from flows.run_progress import Progress
from flows.sandbox import faults
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import IsoneSandbox

PipelineOn = Callable[[Path], EnergyDataPipelineIntegration]
WriteConfig = Callable[..., Path]

DEMAND = "hourlylmp/da/final"


def lmp(isone: IsoneSandbox, name: str) -> dict[str, Any]:
    return isone.api(
        name,
        f"{DEMAND}/current",
        history_url=f"{isone.url}/{DEMAND}/day/{{start:%Y%m%d}}/location/4000",
        dates={"unit": "day", "timezone": "America/New_York"},
    )


def bodies_in(s3: EmbeddedS3, bucket: str, folder: str) -> dict[str, bytes]:
    listed = s3.client().list_objects_v2(Bucket=bucket, Prefix=f"{folder}/").get("Contents", [])
    return {
        entry["Key"].split("_")[-1]: s3.client().get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        for entry in listed
    }


@pytest.mark.parametrize("task_runner", ["dask", "ray"])
def test_processes_store_what_threads_do(
    task_runner: str,
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip(f"prefect_{task_runner}", reason=f"the extra '{task_runner}' is not installed here")
    days = (date(2024, 3, 5), date(2024, 3, 14))
    isone.faults.add("*/day/20240307/*", faults.status(400), times=None)
    pipeline = pipeline_on(write_config(lmp(isone, "By threads"), lmp(isone, "By processes")))
    by_threads = pipeline.run_backfill(*days, ["By threads"])["results"][0]
    asked = len(isone.faults.requests)

    monkeypatch.setenv("ENERGY_PIPELINE_TASK_RUNNER", task_runner)
    monkeypatch.setenv("ENERGY_PIPELINE_MAX_WORKERS", "2")
    seen: list[Progress] = []
    by_processes = pipeline.run_backfill(*days, ["By processes"], show=seen.append)["results"][0]

    windows = by_processes["windows"]
    assert windows == by_threads["windows"]
    assert (windows["planned"], windows["stored"], windows["failed"]) == (10, 9, 1)
    assert [failure["dates"] for failure in windows["failures"]] == ["20240307"]
    assert by_processes["rows"] == by_threads["rows"] == 9 * 24 - 1
    assert len(isone.faults.requests) == 2 * asked == 20, "each day is asked for once"
    stored = bodies_in(embedded_s3, bucket, "by_processes")
    assert stored == bodies_in(embedded_s3, bucket, "by_threads")
    assert len(stored) == 9
    # which counts what has come back from those processes
    assert (seen[-1].planned, seen[-1].done, seen[-1].failed) == (10, 10, 1)
    assert seen[-1].rows == by_processes["rows"]


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("TASK_RUNNER", "slurm", "ENERGY_PIPELINE_TASK_RUNNER: Input should be 'threads', 'dask' or 'ray'"),
        ("MAX_WORKERS", "0", "ENERGY_PIPELINE_MAX_WORKERS: Input should be greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_told_in_a_line_by_the_run(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    reason: str,
) -> None:
    pipeline = pipeline_on(write_config(isone.api("Fuel Mix", "genfuelmix/current")))
    monkeypatch.setenv(f"ENERGY_PIPELINE_{variable}", value)
    results = pipeline.run_full_pipeline()
    assert results["errors"] == [reason]
    assert results["pipeline_status"] == "failed"
    assert not isone.faults.requests


def test_a_backfill_that_no_worker_could_share_is_refused(
    pipeline_on: PipelineOn, write_config: WriteConfig, isone: IsoneSandbox, bucket: str
) -> None:
    from flows.energy_pipeline import backfill

    pipeline_on(Path())
    with use_bucket(ExplicitBucket(bucket)):
        state: Any = backfill(
            date(2024, 1, 1),
            date(2024, 1, 4),
            config_file=str(write_config(lmp(isone, "LMP"))),
            split_into=2,
            return_state=True,
        )
    assert state.message.startswith("split_into: this run is of no deployment")
    assert not isone.faults.requests


def test_a_task_runner_that_is_not_installed_is_told_with_what_to_install(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # as Python has it of a module that is not there
    monkeypatch.setitem(sys.modules, "prefect_ray", None)
    monkeypatch.setenv("ENERGY_PIPELINE_TASK_RUNNER", "ray")
    results = pipeline_on(write_config(isone.api("Fuel Mix", "genfuelmix/current"))).run_full_pipeline()
    (error,) = results["errors"]
    assert error.startswith("ENERGY_PIPELINE_TASK_RUNNER: 'ray' cannot be used here")
    assert "uv sync --extra ray" in error
    assert not isone.faults.requests
