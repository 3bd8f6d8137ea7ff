"""Opening the resources of a run before its first request: configuration, secrets, bucket and spool."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from prefect.exceptions import ObjectNotFound
from prefect_aws import S3Bucket
from pydantic import SecretStr

from blocks.api_credentials import ApiCredentials
from flows.api_config import (
    ApiConfig,
    ConfigError,
    PipelineConfig,
    Problem,
    ResolvedSecrets,
    Settings,
    choose_apis,
    environment,
    explicit_bucket,
    resolve_secrets,
)
from flows.object_store import ObjectStore, Spool, StorageError
from flows.object_store.buckets import bucket_by_name

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunResources:
    """The resources of a run.

    Attributes:
        config: The whole configuration.
        apis: The APIs to collect.
        secrets: The credentials of these APIs.
        store: The bucket.
        spool: The folder that keeps each object until it is stored.
    """

    config: PipelineConfig
    apis: tuple[ApiConfig, ...]
    secrets: ResolvedSecrets
    store: ObjectStore
    spool: Spool


def open_run_resources(
    settings: Settings, apis: Sequence[str] | None, config_file: str | None, s3_block: str | None
) -> RunResources:
    """Read the configuration, choose the APIs, resolve the secrets, and open the bucket and the spool.

    Raises:
        ConfigError: With all that is wrong; no request has been sent.
    """
    choice = choose_apis(Path(config_file) if config_file else settings.config_file, apis)
    problems = list(choice.problems)
    secrets, store = ResolvedSecrets(), None
    try:
        secrets = resolve_secrets(choice.config, choice.apis, environment(), load_credentials)
    except ConfigError as error:
        problems += error.problems
    try:
        store = open_store(settings, s3_block)
    except ConfigError as error:
        problems += error.problems
    if problems or store is None:
        raise ConfigError(problems)
    return RunResources(choice.config, choice.apis, secrets, store, open_spool(settings))


def open_spool(settings: Settings) -> Spool:
    """The spool of the settings."""
    return Spool(settings.spool_dir, round(settings.max_spool_mb * 1e6))


def open_store(settings: Settings, s3_block: str | None = None) -> ObjectStore:
    """Open the bucket: the one named in the call, else the stored block, else the one of the settings.

    Raises:
        ConfigError: None of them exists, or no client can be made for it.
    """
    explicit = explicit_bucket()
    bucket_name = (explicit.name if explicit else None) or settings.s3_bucket
    block_name = s3_block or settings.s3_block
    block = None if explicit else _stored_bucket(block_name)
    if block is None and (bucket_name is None or s3_block):
        cause = f"there is no S3Bucket block '{block_name}'" + ("" if s3_block else " and no bucket is named")
        advice = "run `python -m blocks.register`, or set ENERGY_PIPELINE_S3_BUCKET"
        raise ConfigError([Problem("S3 bucket", "", cause, advice)])
    if block and bucket_name:
        logger.info("storing into S3Bucket block '%s'; ENERGY_PIPELINE_S3_BUCKET is not used", block_name)
    try:
        return ObjectStore(block or bucket_by_name(str(bucket_name), environment(), explicit))
    except StorageError as error:
        raise ConfigError([Problem("S3 bucket", "", str(error))]) from None


def _stored_bucket(document: str) -> S3Bucket | None:
    try:
        # in async flows and running event loops it would be a coroutine otherwise
        return cast("S3Bucket", S3Bucket.load(document, _sync=True))  # type: ignore[call-arg]
    except ValueError as error:
        if not _is_missing_block(error):
            raise
        return None


def load_credentials(document: str) -> Mapping[str, SecretStr]:
    """The secrets of a stored `ApiCredentials` block, by field name.

    Raises:
        LookupError: There is no such block.
    """
    try:
        return cast("ApiCredentials", ApiCredentials.load(document, _sync=True)).get_client()  # type: ignore[call-arg]
    except ValueError as error:
        if not _is_missing_block(error):
            raise
        raise LookupError("there is no such block: run `python -m blocks.register`") from None


def _is_missing_block(error: ValueError) -> bool:
    return isinstance(error.__cause__, ObjectNotFound)
