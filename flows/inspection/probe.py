"""Whether every API and the bucket answer and let us in, asked without changing anything."""

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

_PROBES_AT_ONCE = 8


class ProbeResult(TypedDict):
    """What one API, or the bucket, answered; `detail` says it for the reader, without secrets."""

    name: str
    ok: bool
    detail: str


def probe_access(
    settings: Settings, config_file: Path | None = None, names: Sequence[str] | None = None
) -> list[ProbeResult]:
    """Ask each API once, for its first page, the bucket whether it is there, and whether there is a spool.

    Args:
        settings: Of the bucket, and of the configuration where no file is given.
        config_file: The configuration.
        names: The APIs to ask; none for all that are enabled.

    Raises:
        ConfigError: Where the configuration cannot be read or has no such API.
    """
    config = load_config(config_file or settings.config_file)
    apis = select_apis(config.apis, names)
    with ThreadPoolExecutor(_PROBES_AT_ONCE) as threads:
        probes = list(threads.map(lambda api: _probe_api(config, api), apis))
    return [*probes, _probe_bucket(settings), _probe_spool(settings)]


def _probe_api(config: PipelineConfig, api: ApiConfig) -> ProbeResult:
    try:
        secrets = resolve_secrets(config, [api], environment(), load_stored_credentials)
    except ConfigError as error:
        # where each stands is told by the check of the configuration
        causes = "; ".join(problem.cause for problem in error.problems)
        return ProbeResult(name=api.name, ok=False, detail=f"not asked: {causes}")
    return _ask(api.model_copy(update={"max_attempts": 1}), secrets)


def _ask(api: ApiConfig, secrets: ResolvedSecrets) -> ProbeResult:
    now = datetime.now(UTC)
    (collection,) = plan_collections([api], "probe", now)
    with HttpCollector([api], secrets) as collector:
        try:
            payload = collector.collect(first_page(collection.requests[0]))
        except CollectionError as error:
            return ProbeResult(name=api.name, ok=False, detail=str(error))
    size = f"{len(payload.body):,} bytes" if payload.body else "no data now"
    return ProbeResult(name=api.name, ok=True, detail=f"answers and lets us in ({size})")


def _probe_bucket(settings: Settings) -> ProbeResult:
    # over a second of imports, which only a probe of the bucket needs
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
    return ProbeResult(name=name, ok=True, detail="answers and lets us in (writing was not tried)")


def _probe_spool(settings: Settings) -> ProbeResult:
    from flows.orchestration.run_resources import open_spool

    refusal = open_spool(settings).refusal()
    return ProbeResult(name="spool", ok=not refusal, detail=refusal or "keeps what the bucket does not take")
