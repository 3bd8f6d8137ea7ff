"""Task runners: the processes of a Dask cluster store the same as threads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from prefect_dask.task_runners import DaskTaskRunner

from flows.api_config import ExplicitBucket, use_bucket
from flows.integration import EnergyDataPipelineIntegration
from flows.run_report.progress import Progress, showing_progress
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import IsoneSandbox
from tests.providers import faults

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


def test_the_processes_of_a_dask_cluster_store_what_threads_do(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
) -> None:
    from flows.energy_pipeline import backfill

    days = (date(2024, 3, 5), date(2024, 3, 14))
    isone.faults.add("*/day/20240307/*", faults.status(400), times=None)
    config_file = write_config(lmp(isone, "By threads"), lmp(isone, "By processes"))
    by_threads = pipeline_on(config_file).run_backfill(*days, ["By threads"])["results"][0]
    asked = len(isone.faults.requests)

    cluster = {"n_workers": 2, "threads_per_worker": 2, "processes": True, "dashboard_address": None}
    on_dask = backfill.with_options(task_runner=DaskTaskRunner(cluster_kwargs=cluster))  # type: ignore[arg-type]
    seen: list[Progress] = []
    with use_bucket(ExplicitBucket(bucket)), showing_progress(seen.append):
        state: Any = on_dask(*days, apis=["By processes"], config_file=str(config_file), return_state=True)
    by_processes = state.result(raise_on_failure=False)["results"][0]

    windows = by_processes["windows"]
    assert windows == by_threads["windows"]
    assert (windows["planned"], windows["stored"], windows["failed"]) == (10, 9, 1)
    assert [failure["dates"] for failure in windows["failures"]] == ["20240307"]
    assert by_processes["rows"] == by_threads["rows"] == 9 * 24 - 1
    assert len(isone.faults.requests) == 2 * asked == 20, "each day is asked for once"
    stored = bodies_in(embedded_s3, bucket, "by_processes")
    assert stored == bodies_in(embedded_s3, bucket, "by_threads")
    assert len(stored) == 9
    # the progress of the Dask run counts the results of the other processes
    assert (seen[-1].planned, seen[-1].done, seen[-1].failed) == (10, 10, 1)
    assert seen[-1].rows == by_processes["rows"]


def test_a_wrong_setting_fails_the_run_and_is_named_in_its_errors(
    pipeline_on: PipelineOn, write_config: WriteConfig, isone: IsoneSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = pipeline_on(write_config(isone.api("Fuel Mix", "genfuelmix/current")))
    monkeypatch.setenv("ENERGY_PIPELINE_MAX_WORKERS", "0")
    results = pipeline.run_full_pipeline()
    assert results["errors"] == ["ENERGY_PIPELINE_MAX_WORKERS: Input should be greater than or equal to 1"]
    assert results["pipeline_status"] == "failed"
    assert not isone.faults.requests
