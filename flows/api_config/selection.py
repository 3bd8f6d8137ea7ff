"""Choosing APIs from a configuration by name or folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows.api_config.loading import PipelineConfig, load_config
from flows.api_config.models import ApiConfig
from flows.api_config.problems import ConfigError, Problem, nearest_word
from flows.api_config.secrets import unset_secrets
from flows.api_config.settings import environment


def check_configuration(file: Path, wanted: Sequence[str] | None = None) -> PipelineConfig:
    """The configuration in `file`, if the wanted APIs could run with it as far as can be told offline.

    Raises:
        ConfigError: With every problem of the file, the choice or the environment variables.
    """
    config = load_config(file)
    problems = unset_secrets(config, select_apis(config.apis, wanted), environment())
    if problems:
        raise ConfigError(problems)
    return config


def _folded(text: str) -> str:
    return text.strip().casefold()


def select_apis(apis: Sequence[ApiConfig], wanted: Sequence[str] | None) -> tuple[ApiConfig, ...]:
    """The APIs to run, in the configuration's order, each once.

    Args:
        apis: All that are configured.
        wanted: Names or output folders, case and surrounding space ignored; None means every
            enabled API. An API that is not enabled can still be chosen by its name.

    Raises:
        ConfigError: For an empty choice, for each unknown name, or where nothing is enabled.
    """
    if wanted is None:
        enabled = tuple(api for api in apis if api.enabled)
        if not enabled:
            raise ConfigError([Problem("configuration", "$.apis", "no API is enabled")])
        return enabled
    if not wanted:
        raise ConfigError(
            [
                Problem(
                    "apis",
                    "",
                    "an empty list of APIs was asked for",
                    "leave it out to run all that are enabled",
                )
            ]
        )
    chosen: set[str] = set()
    problems = []
    for word in wanted:
        matching = [api.name for api in apis if _folded(api.name) == _folded(word)] or [
            api.name for api in apis if _folded(api.output_folder) == _folded(word)
        ]
        chosen.update(matching)
        if not matching:
            problems.append(Problem("apis", "", f"no API is called '{word}'", _advice(word, apis)))
    if problems:
        raise ConfigError(problems)
    return tuple(api for api in apis if api.name in chosen)


def _advice(word: str, apis: Sequence[ApiConfig]) -> str:
    nearest = nearest_word(word, [api.name for api in apis] + [api.output_folder for api in apis])
    configured = "configured: " + ", ".join(f"'{api.name}'" for api in apis)
    return f"did you mean '{nearest}'? {configured}" if nearest else configured
