"""The status of the pipeline: the last run, the newest object of each API, and the spool."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from flows.api_config import ApiConfig, Settings, load_config
from flows.object_store import ListedObject, ObjectStore, SpoolState, StorageError
from flows.orchestration.run_resources import open_spool, open_store
from flows.run_report import RunResults
from flows.run_report.last_run import last_results


class ApiStatus(TypedDict):
    """The newest object of one API; all None if there is none, and `error` if the listing failed."""

    api_name: str
    enabled: bool
    last_key: str | None
    last_stored_at: str | None
    age_seconds: float | None
    bytes: int | None
    error: str | None


class PipelineStatus(TypedDict):
    """The results of the last run on this machine, if any, the status of each API, and of the spool."""

    last_run: RunResults | None
    apis: list[ApiStatus]
    spool: SpoolState


def pipeline_status(settings: Settings, config_file: Path | None = None) -> PipelineStatus:
    """Read the results of the last run and look up the newest object of each API.

    Raises:
        ConfigError: The configuration or the settings of the bucket are wrong.
    """
    config = load_config(config_file or settings.config_file)
    store = open_store(settings)
    return PipelineStatus(
        last_run=last_results(settings.state_dir),
        apis=_api_statuses(store, config.apis),
        spool=open_spool(settings).state(),
    )


def _api_statuses(store: ObjectStore, apis: Iterable[ApiConfig]) -> list[ApiStatus]:
    statuses: list[ApiStatus] = []
    outage: str | None = None
    for api in apis:
        status = _empty_status(api)
        statuses.append(status)
        if outage:
            # every further request would take as long to fail
            status["error"] = f"not looked up: {outage}"
            continue
        try:
            _fill_in(status, store.latest(api.output_folder, api.csv_prefix))
        except StorageError as error:
            status["error"] = str(error)
            outage = str(error) if error.retryable else None
    return statuses


def _empty_status(api: ApiConfig) -> ApiStatus:
    return ApiStatus(
        api_name=api.name,
        enabled=api.enabled,
        last_key=None,
        last_stored_at=None,
        age_seconds=None,
        bytes=None,
        error=None,
    )


def _fill_in(status: ApiStatus, newest: ListedObject | None) -> None:
    if newest:
        status["last_key"] = newest.key
        status["last_stored_at"] = newest.last_modified.isoformat(timespec="seconds")
        status["age_seconds"] = round((datetime.now(UTC) - newest.last_modified).total_seconds(), 1)
        status["bytes"] = newest.size
