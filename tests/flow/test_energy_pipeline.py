"""Whole runs of the flow with a real API, S3 server and Prefect server."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx
import polars as pl
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import Log, TaskRun

from flows.collection import api_objects
from flows.integration import EnergyDataPipelineIntegration
from flows.orchestration import collection_tasks
from flows.run_report import ApiResult, RunResults
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import IsoneSandbox, eventually
from tests.providers import faults

PipelineOn = Callable[[Path], EnergyDataPipelineIntegration]
WriteConfig = Callable[..., Path]


def four_apis(isone: IsoneSandbox) -> list[dict[str, object]]:
    return [
        isone.api("7 day forecast all zones", "sevendayforecast/current"),
        isone.api("Hourly Final LMP", "hourlylmp/da/final/current/all"),
        isone.api("Fuel Mix", "genfuelmix/current"),
        isone.api("Morning Report", "morningreport/current"),
    ]


def by_name(results: RunResults) -> dict[str, ApiResult]:
    return {result["api_name"]: result for result in results["results"]}


def keys_in(s3: EmbeddedS3, bucket: str) -> set[str]:
    return {entry["Key"] for entry in s3.client().list_objects_v2(Bucket=bucket).get("Contents", [])}


def task_runs_of(results: RunResults) -> dict[str, TaskRun]:
    """The run's task runs by name; waits until the server has recorded a final state for each."""
    run_filter = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(results["run_id"])]))

    def all_ended() -> dict[str, TaskRun]:
        with get_client(sync_client=True) as client:
            runs = client.read_task_runs(flow_run_filter=run_filter)
        ended = {run.name: run for run in runs if run.state and run.state.is_final()}
        return ended if len(ended) == results["statistics"]["total_apis"] else {}

    return eventually(all_ended)


def logs_of(results: RunResults) -> list[Log]:
    """The run's log; waits until the server has the last line of the flow run and of each task run."""
    run_filter = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(results["run_id"])]))

    def all_lines() -> list[Log]:
        with get_client(sync_client=True) as client:
            lines = client.read_logs(run_filter, limit=200)
        ends = [line for line in lines if line.message.startswith("Finished in state")]
        return lines if len(ends) == results["statistics"]["total_apis"] + 1 else []

    return eventually(all_lines)


def test_every_api_is_stored_as_its_own_object_with_metadata(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
) -> None:
    results = pipeline_on(write_config(*four_apis(isone))).run_full_pipeline()

    assert results["pipeline_status"] == "completed"
    assert results["errors"] == []
    assert [result["api_name"] for result in results["results"]] == [
        "7 day forecast all zones",
        "Hourly Final LMP",
        "Fuel Mix",
        "Morning Report",
    ]
    assert results["statistics"] == {
        "total_apis": 4,
        "successful_collections": 4,
        "successful_uploads": 4,
        "failed_collections": 0,
        "failed_uploads": 0,
        "skipped_uploads": 0,
    }
    stamps = {str(result["s3_key"]).removesuffix(".csv")[-15:] for result in results["results"]}
    assert len(stamps) == 1, "all objects of a run carry the run's own stamp"
    assert keys_in(embedded_s3, bucket) == {result["s3_key"] for result in results["results"]}
    for result in results["results"]:
        stored = embedded_s3.client().get_object(Bucket=bucket, Key=str(result["s3_key"]))
        body = stored["Body"].read()
        frame = pl.read_csv(io.BytesIO(body), infer_schema=False)
        assert (frame.height, frame.width) == (result["rows"], result["columns"])
        assert stored["ContentType"] == "text/csv; charset=utf-8"
        assert stored["Metadata"]["sha256"] == hashlib.sha256(body).hexdigest()
        assert stored["Metadata"]["run-id"] == results["run_id"]
        assert stored["Metadata"]["api-name"] == result["api_name"]
        assert len(body) == result["bytes"]


def test_the_stored_lmps_are_those_the_api_sent(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
) -> None:
    # an autumn day: its 25 hours differ in their offset only
    resource = "hourlylmp/da/final/day/20241103/location/4001"
    results = pipeline_on(write_config(isone.api("LMP", resource))).run_full_pipeline()

    key = str(results["results"][0]["s3_key"])
    frame = pl.read_csv(
        embedded_s3.client().get_object(Bucket=bucket, Key=key)["Body"].read(), infer_schema=False
    )
    sent = httpx.get(
        f"{isone.url}/{resource}",
        auth=("sandbox-user", "sandbox-password-4711"),
        headers={"Accept": "application/json"},
    ).json(parse_float=str, parse_int=str)["HourlyLmps"]["HourlyLmp"]
    assert frame.height == len(sent) == 25
    assert frame["BeginDate"].to_list() == [record["BeginDate"] for record in sent]
    assert frame["BeginDate"].n_unique() == 25
    assert [float(value) for value in frame["LmpTotal"]] == [float(record["LmpTotal"]) for record in sent]
    assert frame["Location_LocId"].to_list() == [record["Location"]["@LocId"] for record in sent]


FAULTS = {
    "no such thing": (faults.status(404), "HTTP 404", 1),
    "html": (faults.html_page(), "HTML", 1),
    "invalid": (faults.json_body(b"{'a': 1}"), "JSON", 1),
    "truncated": (faults.Fault("truncated-json"), "JSON", 1),
    "hangs": (faults.Fault("hang"), "no complete response", 2),
    "down": (faults.status(503), "HTTP 503", 2),
}


def test_one_api_failing_in_any_way_stops_no_other(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WRONG_PASSWORD", "not-the-password")
    good = isone.api("good", "genfuelmix/current")
    empty = isone.api("empty", "genfuelmix/day/20991231")
    locked_out = isone.api("locked out", "morningreport/current")
    locked_out["auth"]["password"] = {"env": "WRONG_PASSWORD"}
    failing = []
    for index, (name, (fault, _, _)) in enumerate(FAULTS.items()):
        day = f"2024010{index + 1}"
        isone.faults.add(f"/genfuelmix/day/{day}", fault, times=None)
        failing.append(isone.api(name, f"genfuelmix/day/{day}", max_attempts=2, timeout_seconds=1.0))
    results = pipeline_on(write_config(good, *failing, locked_out, empty)).run_full_pipeline()

    outcomes = by_name(results)
    assert outcomes["good"]["upload_status"] == "success"
    assert (outcomes["empty"]["collection_status"], outcomes["empty"]["upload_status"]) == (
        "success",
        "skipped",
    )
    assert outcomes["empty"]["s3_key"] is None
    assert "HTTP 401" in str(outcomes["locked out"]["error"])
    assert "not-the-password" not in json.dumps(results)
    for index, (name, (_, reason, requests)) in enumerate(FAULTS.items()):
        assert outcomes[name]["collection_status"] == "failed", name
        assert reason in str(outcomes[name]["error"]), name
        assert "\n" not in str(outcomes[name]["error"]), name
        seen = isone.faults.requests_to(f"/genfuelmix/day/2024010{index + 1}")
        assert len(seen) == outcomes[name]["attempts"] == requests, name
    assert results["pipeline_status"] == "completed"
    assert results["statistics"]["failed_collections"] == len(FAULTS) + 1
    assert results["summary"]["successful_end_to_end"] == 2

    # in Prefect: a failed task run whose message is the error, one line in the log, no traceback
    task_runs = task_runs_of(results)
    log = logs_of(results)
    for name in (*FAULTS, "locked out"):
        state = task_runs[name].state
        assert state is not None
        assert state.is_failed()
        assert state.message == outcomes[name]["error"]
        error_lines = [line for line in log if line.task_run_id == task_runs[name].id and line.level >= 40]
        assert len(error_lines) == 1, name
    assert not [line for line in log if "Traceback" in line.message or "NoneType: None" in line.message]
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(results["run_id"]))
        artifacts = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
        )
    assert (run.state_type, run.state_name) == ("COMPLETED", "PartiallyCompleted")
    published = {artifact.key: artifact for artifact in artifacts}
    assert set(published) == {"energy-pipeline-statistics", "energy-pipeline-report"}
    report = str(published["energy-pipeline-report"].data)
    assert all(f"| {name} |" in report for name in outcomes)
    table = json.loads(str(published["energy-pipeline-statistics"].data))
    assert {"statistic": "failed collections", "value": str(len(FAULTS) + 1)} in table


def test_the_run_fails_when_every_api_fails(
    pipeline_on: PipelineOn, write_config: WriteConfig, isone: IsoneSandbox
) -> None:
    isone.faults.add("*", faults.status(404), times=None)
    results = pipeline_on(write_config(*four_apis(isone))).run_full_pipeline()

    assert results["pipeline_status"] == "failed"
    assert results["summary"] == {
        "collection_success_rate": 0.0,
        "upload_success_rate": 0.0,
        "successful_end_to_end": 0,
    }
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(results["run_id"]))
    assert run.state_type == "FAILED"
    assert "0 of 4 APIs" in str(run.state.message if run.state else "")


def test_a_failed_upload_is_reported_as_such_and_the_api_is_not_asked_again(
    prefect_client: None,
    aws_environment: None,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    config_file = write_config(isone.api("Fuel Mix", "genfuelmix/current"))
    results = EnergyDataPipelineIntegration(config_file, "no-such-bucket-here").run_full_pipeline()

    (result,) = results["results"]
    assert (result["collection_status"], result["upload_status"]) == ("success", "failed")
    assert "no such bucket" in str(result["error"])
    assert "no-such-bucket-here" in str(result["error"])
    assert result["rows"] > 0
    assert results["statistics"]["failed_uploads"] == 1
    assert results["pipeline_status"] == "failed"
    assert len(isone.faults.requests) == 1


def test_an_upload_is_tried_again_without_asking_the_api_again(
    prefect_client: None,
    aws_environment: None,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    short_retry_delays: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    config_file = write_config(isone.api("Fuel Mix", "genfuelmix/current"))
    results = EnergyDataPipelineIntegration(config_file, "unreachable").run_full_pipeline()

    assert results["statistics"]["failed_uploads"] == 1
    assert "does not answer" in str(results["results"][0]["error"])
    assert task_runs_of(results)["Fuel Mix"].run_count == collection_tasks.TASK_RETRIES + 1
    assert len(isone.faults.requests) == 1
    assert not [line for line in logs_of(results) if "Traceback" in line.message]


def test_a_fault_of_ours_is_retried_within_the_apis_attempts_and_leaves_its_traceback_in_the_log(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    short_retry_delays: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> bytes:
        raise RuntimeError("a bug")

    monkeypatch.setattr(api_objects, "csv_bytes", broken)
    config_file = write_config(
        isone.api("broken", "genfuelmix/current", max_attempts=2),
        isone.api("empty", "genfuelmix/day/20991231"),
    )
    results = pipeline_on(config_file).run_full_pipeline()

    outcomes = by_name(results)
    assert outcomes["empty"]["error"] is None
    assert outcomes["broken"]["collection_status"] == "failed"
    assert len(isone.faults.requests_to("/genfuelmix/current")) == 2
    assert results["statistics"]["total_apis"] == 2
    assert "Traceback" in caplog.text
    assert "RuntimeError: a bug" in caplog.text


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(["fuel mix "], ["Fuel Mix"]), (["MORNING_REPORT", "Fuel Mix"], ["Fuel Mix", "Morning Report"])],
)
def test_chosen_apis_alone_are_run(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    wanted: list[str],
    expected: list[str],
) -> None:
    results = pipeline_on(write_config(*four_apis(isone))).run_selective_pipeline(wanted)
    assert [result["api_name"] for result in results["results"]] == expected
    assert len(isone.faults.requests) == len(expected)


def test_a_single_api_gives_one_result(
    pipeline_on: PipelineOn, write_config: WriteConfig, isone: IsoneSandbox
) -> None:
    result = pipeline_on(write_config(*four_apis(isone))).run_single_api_pipeline("Fuel Mix")
    assert (result["api_name"], result["upload_status"]) == ("Fuel Mix", "success")


@pytest.mark.parametrize(
    ("wanted", "reason"), [(["Fule Mix"], "did you mean 'Fuel Mix'?"), ([], "an empty list")]
)
def test_a_wrong_choice_fails_the_run_before_any_request(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    wanted: list[str],
    reason: str,
) -> None:
    results = pipeline_on(write_config(*four_apis(isone))).run_selective_pipeline(wanted)
    assert results["pipeline_status"] == "failed"
    assert results["statistics"]["total_apis"] == 0
    assert reason in results["errors"][0]
    assert isone.faults.requests == ()
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(results["run_id"]))
    assert run.state_type == "FAILED"
    assert reason in str(run.state.message if run.state else "")


def test_the_status_holds_the_last_run_and_the_newest_object_of_each_api(
    pipeline_on: PipelineOn, write_config: WriteConfig, isone: IsoneSandbox
) -> None:
    pipeline = pipeline_on(write_config(*four_apis(isone)))
    results = pipeline.run_selective_pipeline(["Fuel Mix"])

    status = pipeline.get_pipeline_status()
    assert status["last_run"] == results
    newest = {api["api_name"]: api["last_key"] for api in status["apis"]}
    assert newest.pop("Fuel Mix") == results["results"][0]["s3_key"]
    assert set(newest.values()) == {None}
