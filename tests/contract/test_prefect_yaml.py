"""prefect.yaml holds only keys that Prefect reads; Prefect itself ignores unknown keys."""

from __future__ import annotations

from importlib.metadata import requires
from typing import Any

import yaml
from packaging.requirements import Requirement
from prefect.cli.deploy._models import DeploymentConfig, PrefectYamlModel, WorkPoolConfig
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessWorker
from prefect_aws.workers import ECSWorker

from tests.conftest import REPOSITORY

# the keys of a schedule in Prefect's documentation of prefect.yaml
SCHEDULE_KEYS = {"cron", "timezone", "slug", "active", "parameters", "day_or"}


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text(encoding="utf-8"))
    return loaded


def test_prefect_reads_every_key() -> None:
    top_level = {field.alias or name for name, field in PrefectYamlModel.model_fields.items()}
    assert set(document()) - {"definitions"} <= top_level
    for deployment in document()["deployments"]:
        assert set(deployment) <= set(DeploymentConfig.model_fields), deployment["name"]
        assert set(deployment["work_pool"]) <= set(WorkPoolConfig.model_fields)
        for schedule in deployment["schedules"]:
            assert set(schedule) <= SCHEDULE_KEYS


def test_the_prefect_version_is_one_that_the_project_requires() -> None:
    requirements = map(Requirement, requires("energy-pipeline") or [])
    (prefect,) = [each for each in requirements if each.name == "prefect"]
    assert prefect.specifier.contains(document()["prefect-version"])


def test_the_deployments_are_those_of_the_readme() -> None:
    flow = "flows/energy_pipeline.py:energy_pipeline"
    deployments = {(each["entrypoint"], each["name"]): each for each in document()["deployments"]}
    backfill = ("flows/energy_pipeline.py:backfill", "on-demand")
    assert set(deployments) == {(flow, "scheduled"), (flow, "on-demand"), backfill}
    assert [schedule["timezone"] for schedule in deployments[flow, "scheduled"]["schedules"]] == [
        "America/New_York"
    ]
    assert deployments[flow, "on-demand"]["schedules"] == deployments[backfill]["schedules"] == []
    for deployment in deployments.values():
        assert deployment["description"]
        assert deployment["tags"]


def test_the_workers_know_the_job_variables_of_their_work_pools() -> None:
    workers: dict[str, type[BaseWorker[Any, Any, Any]]] = {"process": ProcessWorker, "ecs": ECSWorker}
    described = document()["definitions"]["work_pools"]
    assert set(described) == set(workers)
    assert {each["work_pool"]["name"] for each in document()["deployments"]} == {described["process"]["name"]}
    for kind, pool in described.items():
        assert set(pool) <= set(WorkPoolConfig.model_fields)
        known = workers[kind].get_default_base_job_template()["variables"]["properties"]
        assert set(pool["job_variables"]) <= set(known)
