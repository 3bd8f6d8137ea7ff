"""Settings from environment variables or `.env`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from flows.api_config.problems import ConfigError, Problem

ENV_FILE = ".env"
SHIPPED_CONFIG_FILE = Path(__file__).parent.parent / "api_config.json"
OWN_CONFIG_FILE = Path("api_config.json")
"""In the working directory; where it exists, it is used instead of the shipped one."""
DEFAULT_S3_BLOCK = "s3-for-energy"


def default_config_file() -> Path:
    """The configuration in force where no setting names one."""
    return OWN_CONFIG_FILE if OWN_CONFIG_FILE.is_file() else SHIPPED_CONFIG_FILE


class Settings(BaseSettings):
    """`ENERGY_PIPELINE_*` variables; the environment takes precedence over `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="ENERGY_PIPELINE_",
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    config_file: Path = Field(default_factory=default_config_file)
    s3_block: str = DEFAULT_S3_BLOCK
    s3_bucket: str | None = None
    state_dir: Path = Path(".energy-pipeline")
    spool_dir: Path = Path(".energy-pipeline/spool")
    max_spool_mb: float = Field(default=10_000, ge=0)
    max_workers: int | None = Field(default=None, ge=1, le=1000)

    def __init__(self, **values: Any) -> None:
        with _readable_env_file(), _as_config_error():
            super().__init__(**values)


@dataclass(frozen=True)
class ExplicitBucket:
    """A bucket named on the command line or in a call, which takes precedence over blocks and settings.

    Attributes:
        name: The bucket; None for `ENERGY_PIPELINE_S3_BUCKET`.
        profile: The AWS profile; None for `AWS_PROFILE`.
        region: The AWS region; None for the default of the AWS SDK.
    """

    name: str | None = None
    profile: str | None = None
    region: str | None = None


_explicit_bucket: ContextVar[ExplicitBucket | None] = ContextVar("explicit_bucket", default=None)


@contextmanager
def use_bucket(bucket: ExplicitBucket | None) -> Iterator[None]:
    """Within this context, runs in this thread store in `bucket`."""
    token = _explicit_bucket.set(bucket)
    try:
        yield
    finally:
        _explicit_bucket.reset(token)


def explicit_bucket() -> ExplicitBucket | None:
    """The bucket set by `use_bucket`, if any."""
    return _explicit_bucket.get()


def environment() -> Mapping[str, str]:
    """The environment variables for secrets and AWS settings: those of `.env`, then the process's own."""
    with _readable_env_file():
        from_file = {name: value for name, value in dotenv_values(ENV_FILE).items() if value is not None}
    return {**from_file, **os.environ}


@contextmanager
def _as_config_error() -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        problems = [
            Problem(f"ENERGY_PIPELINE_{'_'.join(map(str, wrong['loc'])).upper()}", "", wrong["msg"])
            for wrong in error.errors(include_input=False)
        ]
        raise ConfigError(problems) from None


@contextmanager
def _readable_env_file() -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        # not chained: the error holds the text of the file, with its secrets
        cause = f"is not UTF-8 text (byte {error.start})"
        raise ConfigError([Problem(ENV_FILE, "", cause, "save it as UTF-8")]) from None
