"""Settings from the environment or `.env`: where things are, never what they hold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic_settings import BaseSettings, SettingsConfigDict

ENV_FILE = ".env"
SHIPPED_CONFIG_FILE = Path(__file__).parent.parent / "api_config.json"
DEFAULT_S3_BLOCK = "s3-for-energy"


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

    config_file: Path = SHIPPED_CONFIG_FILE
    s3_block: str = DEFAULT_S3_BLOCK
    s3_bucket: str | None = None
    state_dir: Path = Path(".energy-pipeline")


def environment() -> Mapping[str, str]:
    """The variables secrets and AWS settings are read from: `.env`, overridden by the process's own."""
    from_file = {name: value for name, value in dotenv_values(ENV_FILE).items() if value is not None}
    return {**from_file, **os.environ}
