"""prefect.yaml holds what it should; Prefect itself ignores keys it does not know."""

from __future__ import annotations

from typing import Any

import yaml
from prefect.cli.deploy._models import DeploymentConfig, PrefectYamlModel, WorkPoolConfig
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessWorker
from prefect_aws.workers import ECSWorker

from tests.conftest import REPOSITORY

# what Prefect reads of a schedule, from its documentation of prefect.yaml
SCHEDULE_KEYS = {"cron", "timezone", "slug", "active", "parameters", "day_or"}


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text(encoding="utf-8"))
    return loaded


def test_no_key_is_one_that_prefect_would_ignore() -> None:
    top_level = {field.alias or name for name, field in PrefectYamlModel.model_fields.items()}
    assert set(document()) - {"definitions"} <= top_level
    for deployment in document()["deployments"]:
        assert set(deployment) <= set(DeploymentConfig.model_fields), deployment["name"]
        assert set(deployment["work_pool"]) <= set(WorkPoolConfig.model_fields)
        for schedule in deployment["schedules"]:
            assert set(schedule) <= SCHEDULE_KEYS


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


def test_the_work_pools_are_described_in_words_that_their_workers_know() -> None:
    workers: dict[str, type[BaseWorker[Any, Any, Any]]] = {"process": ProcessWorker, "ecs": ECSWorker}
    described = document()["definitions"]["work_pools"]
    assert set(described) == set(workers)
    for kind, pool in described.items():
        assert set(pool) <= set(WorkPoolConfig.model_fields)
        known = workers[kind].get_default_base_job_template()["variables"]["properties"]
        assert set(pool["job_variables"]) <= set(known)
