"""Settings from the environment or `.env`: where things are, never what they hold."""

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
    """`ENERGY_PIPELINE_*` variables; the process's environment goes before `.env`."""

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
        with _readable_env_file(), _told_in_a_line_each():
            super().__init__(**values)


@dataclass(frozen=True)
class ExplicitBucket:
    """A bucket named on the command line or in a call: it goes before blocks and settings.

    Attributes:
        name: Its name; None leaves it to `ENERGY_PIPELINE_S3_BUCKET`.
        profile: AWS profile; None leaves it to `AWS_PROFILE`.
        region: AWS region; None leaves it to the ordinary AWS chain.
    """

    name: str | None = None
    profile: str | None = None
    region: str | None = None


_explicit_bucket: ContextVar[ExplicitBucket | None] = ContextVar("explicit_bucket", default=None)


@contextmanager
def use_bucket(bucket: ExplicitBucket | None) -> Iterator[None]:
    """Within this context, runs in this thread store into `bucket`."""
    token = _explicit_bucket.set(bucket)
    try:
        yield
    finally:
        _explicit_bucket.reset(token)


def explicit_bucket() -> ExplicitBucket | None:
    """The bucket that `use_bucket` has put in force, if any."""
    return _explicit_bucket.get()


def environment() -> Mapping[str, str]:
    """The variables secrets and AWS settings are read from: `.env`, overridden by the process's own."""
    with _readable_env_file():
        from_file = {name: value for name, value in dotenv_values(ENV_FILE).items() if value is not None}
    return {**from_file, **os.environ}


@contextmanager
def _told_in_a_line_each() -> Iterator[None]:
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
        # its text would be in the error, with the secrets of the file
        cause = f"is not UTF-8 text (byte {error.start})"
        raise ConfigError([Problem(ENV_FILE, "", cause, "save it as UTF-8")]) from None
