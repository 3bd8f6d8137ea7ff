"""A backfill in parts, each a run of the same deployment that any worker of its pool may take."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any, cast
from uuid import UUID

import httpx
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Cancelled

from flows.api_config import ApiConfig, ConfigError, Problem
from flows.backfill_report import joined_outcome, untold_outcome
from flows.progress_artifact import ProgressArtifact, shown_percents
from flows.request_plan import parts_of_days, units_asked_for
from flows.run_artifacts import artifacts_of
from flows.run_report import ApiOutcome
from flows.run_sharing import RunTicket

logger = logging.getLogger(__name__)

PART_KEY = "energy-pipeline-backfill-part"
_LOOK_SECONDS = 2.0
_TELL_SECONDS = 60.0
# of each API: the report of a part is kept in Prefect's database
_TOLD_FAILURES = 500


def collect_in_parts(
    apis: Sequence[ApiConfig], first: date, last: date, count: int, ticket: RunTicket, *, force: bool
) -> list[ApiOutcome]:
    """Let other runs of this run's deployment collect a part each, and join what became of them.

    Args:
        apis: Those that can be asked for the days.
        first: The first day, by the calendar of each API's zone.
        last: The last day, inclusive.
        count: Into how many parts.
        ticket: Of this run.
        force: Whether to collect also what is stored.

    Raises:
        ConfigError: Where this run is of no deployment, or the runs cannot be started.
    """
    deployment = _deployment(ticket)
    begun = time.monotonic()
    parts = parts_of_days(apis, first, last, count)
    shared = {
        "apis": [api.name for api in apis],
        "config_file": ticket.config_file,
        "s3_block": ticket.s3_block,
        "force": force,
    }
    runs = [
        _started(deployment, {**shared, "start_date": str(begin), "end_date": str(end)})
        for begin, end in parts
    ]
    ended = _ended(runs)
    reports = [_report(run) for run in ended]
    joined = []
    for api in apis:
        outcomes = [
            _outcome(api, part, run, report, ticket)
            for part, run, report in zip(parts, ended, reports, strict=True)
        ]
        joined.append(replace(joined_outcome(api, outcomes), duration_seconds=time.monotonic() - begun))
    return joined


def publish_part(outcomes: Sequence[ApiOutcome]) -> None:
    """Where this flow run is a part of another one, let that know what became of it.

    As an artifact, since results stay in the memory of the process that has them.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow_run.parent_task_run_id is None:
        return
    told = {outcome.api_name: asdict(replace(outcome, other_s3_keys=())) for outcome in outcomes}
    for each in told.values():
        if each["windows"]:
            each["windows"]["failures"] = each["windows"]["failures"][:_TOLD_FAILURES]
    try:
        create_markdown_artifact(
            key=PART_KEY, markdown=json.dumps(told), description="Of a part of a backfill"
        )
    except (PrefectException, httpx.HTTPError) as error:
        logger.warning("the run that this one is a part of cannot know what became of it: %s", error)


def _deployment(ticket: RunTicket) -> UUID:
    context = FlowRunContext.get()
    deployment = context.flow_run.deployment_id if context and context.flow_run else None
    if deployment is None or ticket.bucket:
        cause = "this run is of no deployment whose workers could take a part of it"
        raise ConfigError([Problem("split_into", "", cause, "deploy the flow and run its deployment")])
    return deployment


def _started(deployment: UUID, parameters: dict[str, Any]) -> FlowRun:
    try:
        run = cast("FlowRun", run_deployment(deployment, parameters=parameters, timeout=0, as_subflow=True))
    except (PrefectException, httpx.HTTPError) as error:
        raise ConfigError([Problem("split_into", "", f"a part was not started: {error}")]) from None
    logger.info("%s collects %s to %s", run.name, parameters["start_date"], parameters["end_date"])
    return run


def _ended(runs: Sequence[FlowRun]) -> list[FlowRun]:
    """The runs once all have ended, however long a worker has other things to do."""
    ended: dict[UUID, FlowRun] = {}
    begun = told = time.monotonic()
    is_any_started = False
    with get_client(sync_client=True) as client, ProgressArtifact() as artifact:
        while len(ended) < len(runs):
            for run in (_looked_at(client, run) for run in runs if run.id not in ended):
                if run.state and run.state.is_final():
                    ended[run.id] = run
                    logger.info(
                        "%s ended as %s; %d of %d parts", run.name, run.state.name, len(ended), len(runs)
                    )
                is_any_started |= run.start_time is not None
            artifact.show_percent(_mean_percent(client, runs, ended))
            if not is_any_started and time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                logger.warning(
                    "no worker has taken any of the %d parts for %d s: is one running, and does its limit, "
                    "or that of its pool, let more than this run go at once?",
                    len(runs),
                    told - begun,
                )
            if len(ended) < len(runs):
                time.sleep(_LOOK_SECONDS)
    return [ended[run.id] for run in runs]


def _looked_at(client: SyncPrefectClient, run: FlowRun) -> FlowRun:
    """The run as it is now, or as it was last seen where Prefect does not say."""
    try:
        return client.read_flow_run(run.id)
    except ObjectNotFound:
        return run.model_copy(update={"state": Cancelled(message="the flow run was deleted")})
    except (PrefectException, httpx.HTTPError) as error:
        logger.warning("Prefect does not say how %s is getting on: %s", run.name, error)
        return run


def _mean_percent(client: SyncPrefectClient, runs: Sequence[FlowRun], ended: Collection[UUID]) -> float:
    going_on = [run.id for run in runs if run.id not in ended]
    try:
        shown = shown_percents(client, going_on) if going_on else {}
    except (PrefectException, httpx.HTTPError):
        # what it cannot say of the runs themselves is told
        shown = {}
    return (100.0 * len(ended) + sum(shown.values())) / len(runs)


def _report(run: FlowRun) -> dict[str, Any]:
    """What a part has told of each API; nothing where it came to no end of its own."""
    try:
        with get_client(sync_client=True) as client:
            artifacts = artifacts_of(client, [run.id], PART_KEY)
        return dict(json.loads(str(artifacts[-1].data))) if artifacts else {}
    except (PrefectException, httpx.HTTPError) as error:
        logger.warning("what became of %s cannot be read: %s", run.name, error)
        return {}


def _outcome(
    api: ApiConfig, part: tuple[date, date], run: FlowRun, report: dict[str, Any], ticket: RunTicket
) -> ApiOutcome:
    if api.name in report:
        told = report[api.name]
        return ApiOutcome(**{**told, "findings": tuple(told["findings"]), "other_s3_keys": ()})
    state = run.state
    reason = f"flow run {run.name} ended as {state.name}: {state.message}" if state else "it did not end"
    units = sum(unit.units for unit in units_asked_for(api, *part, ticket.started_at))
    return untold_outcome(api, "{:%Y%m%d}..{:%Y%m%d}".format(*part), units, reason)
