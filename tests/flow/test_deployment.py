"""Blocks, deployments and automations on a real Prefect server, and runs by a real process worker."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.events import EventTrigger
from prefect_aws import S3Bucket

from blocks.api_credentials import ApiCredentials
from blocks.register import register_blocks
from flows.api_config import Settings
from flows.energy_pipeline import backfill, energy_pipeline
from flows.orchestration.artifacts import final_state
from flows.process.prefect_server import EmbeddedPrefectServer
from flows.run_report import ApiOutcome, results_of_no_run, run_results
from flows.sandbox.s3_server import EmbeddedS3
from tests.commands import StartedCommand
from tests.conftest import NOW, PASSWORD, REPOSITORY, USERNAME, IsoneSandbox, eventually
from tests.providers import faults

Prefect = Callable[..., None]
StartWorker = Callable[[Mapping[str, str]], StartedCommand]


@pytest.fixture
def prefect_in_checkout(
    prefect_server: EmbeddedPrefectServer, prefect_client: None, tmp_path: Path
) -> Prefect:
    """Runs Prefect's command line in the checkout, where `prefect.yaml` is; work pool `energy` exists."""
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="energy", type="process"), overwrite=True)

    def run(*arguments: str, **variables: str) -> None:
        environment = {**os.environ, **prefect_server.client_settings, **variables}
        command = StartedCommand(
            *("--no-prompt", *arguments),
            folder=REPOSITORY,
            variables=environment,
            outputs=tmp_path,
            module="prefect",
        )
        assert command.wait(200) == 0, command.output + command.errors

    return run


@pytest.fixture
def worker(prefect_server: EmbeddedPrefectServer, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts a process worker of pool `energy` in a folder other than the checkout."""
    started: list[StartedCommand] = []

    def start(variables: Mapping[str, str]) -> StartedCommand:
        environment = {**os.environ, **prefect_server.client_settings, **variables}
        options = ("worker", "start", "--pool", "energy")
        started.append(
            StartedCommand(
                *options, folder=tmp_path, variables=environment, outputs=tmp_path, module="prefect"
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_runs_over_parts_of_a_range_share_it_and_no_day_is_asked_for_twice(
    prefect_in_checkout: Prefect,
    worker: StartWorker,
    isone: IsoneSandbox,
    write_config: Callable[..., Path],
    embedded_s3: EmbeddedS3,
    bucket: str,
    aws_environment: None,
    tmp_path: Path,
) -> None:
    prices = "hourlylmp/da/final"
    config_file = write_config(
        isone.api(
            "Hub LMP",
            f"{prices}/current",
            history_url=f"{isone.url}/{prices}/day/{{start:%Y%m%d}}/location/4000",
            dates={"unit": "day", "timezone": "America/New_York"},
        )
    )
    isone.faults.add("*/day/20240104/*", faults.status(400), times=None)
    settings = {
        "ENERGY_PIPELINE_CONFIG_FILE": str(config_file),
        "ENERGY_PIPELINE_S3_BLOCK": "not-registered",
        "ENERGY_PIPELINE_S3_BUCKET": bucket,
        "ENERGY_PIPELINE_STATE_DIR": str(tmp_path / "state"),
        "ENERGY_PIPELINE_SPOOL_DIR": str(tmp_path / "spool"),
    }
    prefect_in_checkout("deploy", "--all", **settings)
    parts = [("2024-01-01", "2024-01-05"), ("2024-01-06", "2024-01-10")]
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("energy-pipeline-backfill/on-demand")
        runs = [
            client.create_flow_run_from_deployment(
                deployment.id, parameters={"start_date": first, "end_date": last}
            )
            for first, last in parts
        ]
    worker(settings)

    states = [ended_run(run.id).state for run in runs]
    assert [(state.name, state.message) for state in states if state] == [
        (
            "PartiallyCompleted",
            "0 of 1 APIs stored or empty; dates: 4 of 5 stored, 1 of 5 failed; failed: Hub LMP",
        ),
        ("Completed", "1 of 1 APIs stored or empty; dates: 5 of 5 stored"),
    ]
    asked = sorted(seen.path.split("/day/")[1][:8] for seen in isone.faults.requests)
    assert asked == [f"202401{day:02}" for day in range(1, 11)]
    listed = embedded_s3.client().list_objects_v2(Bucket=bucket)["Contents"]
    assert len(listed) == 9


def ended_run(run_id: UUID) -> FlowRun:
    def ended() -> FlowRun | None:
        with get_client(sync_client=True) as client:
            run = client.read_flow_run(run_id)
        return run if run.state and run.state.is_final() else None

    run = eventually(ended, timeout_seconds=150)
    assert run is not None
    return run


def test_a_deployed_run_goes_through_a_worker_into_the_bucket(
    prefect_in_checkout: Prefect,
    worker: StartWorker,
    isone: IsoneSandbox,
    write_config: Callable[..., Path],
    embedded_s3: EmbeddedS3,
    prefect_server: EmbeddedPrefectServer,
    bucket: str,
    aws_environment: None,
    tmp_path: Path,
) -> None:
    auth = {
        "kind": "basic",
        "username": {"block": "iso-ne-credentials"},
        "password": {"block": "iso-ne-credentials"},
    }
    config_file = write_config(
        isone.api("Fuel Mix", "genfuelmix/current", auth=auth),
        isone.api("Morning Report", "morningreport/current", auth=auth),
    )
    settings = {"ENERGY_PIPELINE_CONFIG_FILE": str(config_file)}
    registered = {
        "ISONE_API_USERNAME": USERNAME,
        "ISONE_API_PASSWORD": PASSWORD,
        "ENERGY_PIPELINE_S3_BUCKET": bucket,
        "ENERGY_PIPELINE_S3_FOLDER": "raw",
    }
    register_in_a_process({**prefect_server.client_settings, **registered}, tmp_path)
    prefect_in_checkout("deploy", "--all", **settings)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("energy-pipeline/on-demand")
        # the choices of the UI's multi-select
        assert deployment.parameter_openapi_schema is not None
        choices = deployment.parameter_openapi_schema["properties"]["apis"]["items"]["enum"]
        assert choices == ["Fuel Mix", "Morning Report"]
        run, failing = (
            client.create_flow_run_from_deployment(deployment.id, parameters={"apis": [name]})
            for name in choices
        )
    isone.faults.add("*/morningreport/*", faults.status(400), times=None)
    # the worker knows neither the bucket nor the credentials: both come from the blocks
    started = worker(settings)

    finished = ended_run(run.id)
    assert finished.state is not None
    assert finished.state.is_completed(), finished.state.message
    listed = embedded_s3.client().list_objects_v2(Bucket=bucket)["Contents"]
    (key,) = [entry["Key"] for entry in listed]
    assert key.startswith("raw/fuel_mix/fuel_mix_")
    metadata = embedded_s3.client().head_object(Bucket=bucket, Key=key)["Metadata"]
    assert metadata["run-id"] == str(run.id)
    failed = ended_run(failing.id)
    assert failed.state is not None
    assert failed.state.is_failed()
    message = "0 of 1 APIs stored or empty; failed: Morning Report"
    assert failed.state.message == message
    # the worker's log ends with the reason, as of any flow run that fails
    eventually(lambda: f"PipelineFailedError: {message}" in started.output + started.errors)
    assert "TypeError" not in started.output + started.errors


def test_the_scheduled_deployment_gets_its_runs_in_market_time(prefect_in_checkout: Prefect) -> None:
    prefect_in_checkout("deploy", "--name", "scheduled")
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("energy-pipeline/scheduled")
    (schedule,) = deployment.schedules
    assert getattr(schedule.schedule, "timezone", None) == "America/New_York"

    def scheduled_runs() -> list[FlowRun]:
        with get_client(sync_client=True) as client:
            runs = client.read_flow_runs(limit=200)
        return [run for run in runs if run.deployment_id == deployment.id and run.auto_scheduled]

    # where the scheduler fails, the server says so only in its log
    runs = eventually(scheduled_runs, timeout_seconds=120)
    assert {run.expected_start_time.minute for run in runs if run.expected_start_time} == {15}
    with get_client(sync_client=True) as client:
        client.delete_deployment(deployment.id)


def test_the_automations_are_accepted_and_expect_the_names_of_final_states(
    prefect_in_checkout: Prefect,
) -> None:
    prefect_in_checkout("automation", "create", "--from-file", "blocks/automations.yaml")
    with get_client(sync_client=True) as client:
        found = client.read_automations()
        for automation in found:
            client.delete_automation(automation.id)
    alert, tidying = sorted(found, key=lambda each: each.name)
    assert isinstance(alert.trigger, EventTrigger)
    assert isinstance(tidying.trigger, EventTrigger)
    failed = results_of_no_run(["wrong"])
    partial = run_results(
        [
            ApiOutcome("a", "a", "success", "success"),
            ApiOutcome("b", "b", "failed", "skipped", error="HTTP 500"),
        ],
        run_id="",
        started_at=NOW,
        duration_seconds=0,
    )
    names = {final_state(results).name for results in (failed, partial)}
    assert {f"prefect.flow-run.{name}" for name in names} <= alert.trigger.expect
    assert alert.trigger.expect < tidying.trigger.expect
    flows = {energy_pipeline.name, backfill.name}
    for trigger in (alert.trigger, tidying.trigger):
        assert set(trigger.match_related["prefect.resource.name"]) == flows  # type: ignore[call-overload]


def register_in_a_process(variables: Mapping[str, str], folder: Path) -> None:
    registering = StartedCommand(
        folder=REPOSITORY, variables={**os.environ, **variables}, outputs=folder, module="blocks.register"
    )
    assert registering.wait(200) == 0, registering.errors
    assert "S3Bucket 's3-for-energy': " in registering.output


def test_registering_blocks_again_changes_nothing_and_says_so(
    prefect_client: None, bucket: str, embedded_s3: EmbeddedS3
) -> None:
    settings = Settings(s3_block="registered-here", s3_bucket=bucket)
    variables = {
        "ISONE_API_USERNAME": "someone",
        "ISONE_API_PASSWORD": "canary-password",
        "AWS_ENDPOINT_URL_S3": embedded_s3.endpoint_url,
        "AWS_ACCESS_KEY_ID": embedded_s3.access_key,
        "AWS_SECRET_ACCESS_KEY": embedded_s3.secret_key,
    }
    first = register_blocks(settings, variables)
    again = register_blocks(settings, variables)
    other = register_blocks(settings, {**variables, "ENERGY_PIPELINE_S3_FOLDER": "elsewhere"})

    assert "S3Bucket 'registered-here': created" in first
    assert [line.rpartition(": ")[2] for line in again] == ["unchanged"] * 3
    assert "S3Bucket 'registered-here': updated bucket_folder" in other
    assert "canary-password" not in str([first, again, other])
    stored: Any = S3Bucket.load("registered-here")
    assert (stored.bucket_name, stored.bucket_folder) == (bucket, "elsewhere")
    assert stored.credentials.aws_secret_access_key.get_secret_value() == embedded_s3.secret_key
    credentials: Any = ApiCredentials.load("iso-ne-credentials")
    assert credentials.password.get_secret_value() == "canary-password"
    assert "canary-password" not in repr(credentials)


def test_registering_without_settings_says_what_is_missing(prefect_client: None) -> None:
    lines = register_blocks(Settings(s3_bucket=None), {})
    assert [line.partition(": ")[2] for line in lines] == [
        "skipped, ENERGY_PIPELINE_S3_BUCKET is not set",
        "skipped, ISONE_API_USERNAME and ISONE_API_PASSWORD are not both set",
    ]


def test_the_blocks_secrets_are_hidden_by_the_api(prefect_client: None) -> None:
    ApiCredentials(token="canary-token").save("hidden", overwrite=True)
    with get_client(sync_client=True) as client:
        document = client.read_block_document_by_name(
            "hidden", "energy-api-credentials", include_secrets=False
        )
    assert "canary-token" not in json.dumps(document.model_dump(mode="json"))
