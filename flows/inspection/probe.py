"""Checks that every API and the bucket can be reached with the configured credentials, changing nothing."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from flows.api_config import (
    ApiConfig,
    ConfigError,
    PipelineConfig,
    ResolvedSecrets,
    Settings,
    environment,
    load_config,
    resolve_secrets,
    select_apis,
)
from flows.http_collector import CollectionError, HttpCollector
from flows.inspection.preview import load_stored_credentials
from flows.pagination import first_page
from flows.request_plan import plan_collections

_MAX_CONCURRENT_PROBES = 8


class ProbeResult(TypedDict):
    """Whether an API, the bucket or the spool can be used; `detail` says why, without secrets."""

    name: str
    ok: bool
    detail: str


def probe_access(
    settings: Settings, config_file: Path | None = None, names: Sequence[str] | None = None
) -> list[ProbeResult]:
    """Request the first page of each API once, and check the bucket and the spool folder.

    Args:
        settings: Settings of the bucket and the spool.
        config_file: Configuration file; by default that of the settings.
        names: Names or output folders of the APIs; None for all enabled ones.

    Raises:
        ConfigError: The configuration cannot be read or has no such API.
    """
    config = load_config(config_file or settings.config_file)
    apis = select_apis(config.apis, names)
    with ThreadPoolExecutor(_MAX_CONCURRENT_PROBES) as threads:
        probes = list(threads.map(lambda api: _probe_api(config, api), apis))
    return [*probes, _probe_bucket(settings), _probe_spool(settings)]


def _probe_api(config: PipelineConfig, api: ApiConfig) -> ProbeResult:
    try:
        secrets = resolve_secrets(config, [api], environment(), load_stored_credentials)
    except ConfigError as error:
        # the check of the configuration reports their places
        causes = "; ".join(problem.cause for problem in error.problems)
        return ProbeResult(name=api.name, ok=False, detail=f"not probed: {causes}")
    return _request_first_page(api.model_copy(update={"max_attempts": 1}), secrets)


def _request_first_page(api: ApiConfig, secrets: ResolvedSecrets) -> ProbeResult:
    now = datetime.now(UTC)
    (collection,) = plan_collections([api], "probe", now)
    with HttpCollector([api], secrets) as collector:
        try:
            response = collector.collect(first_page(collection.requests[0]))
        except CollectionError as error:
            return ProbeResult(name=api.name, ok=False, detail=str(error))
    size = f"{len(response.body):,} bytes" if response.body else "no data at present"
    return ProbeResult(name=api.name, ok=True, detail=f"reachable, access granted ({size})")


def _probe_bucket(settings: Settings) -> ProbeResult:
    # these imports take over a second
    from flows.object_store import StorageError
    from flows.orchestration.run_resources import open_store

    try:
        store = open_store(settings)
    except ConfigError as error:
        return ProbeResult(name="bucket", ok=False, detail="; ".join(str(item) for item in error.problems))
    name = f"bucket {store.bucket}"
    try:
        store.check()
    except StorageError as error:
        return ProbeResult(name=name, ok=False, detail=str(error))
    return ProbeResult(name=name, ok=True, detail="reachable, access granted (writing was not tried)")


def _probe_spool(settings: Settings) -> ProbeResult:
    from flows.orchestration.run_resources import open_spool

    refusal = open_spool(settings).refusal()
    return ProbeResult(name="spool", ok=not refusal, detail=refusal or "writable")
