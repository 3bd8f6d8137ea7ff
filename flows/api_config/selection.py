"""Choosing APIs from a configuration by name or folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flows.api_config.loading import PipelineConfig, inspect_config
from flows.api_config.models import ApiConfig
from flows.api_config.problems import ConfigError, Problem, nearest_word
from flows.api_config.secrets import unset_secrets
from flows.api_config.settings import environment


@dataclass(frozen=True)
class ConfigChoice:
    """The APIs that are to run, as far as that can be told.

    Attributes:
        config: The whole configuration.
        apis: Those to run.
        problems: All that is wrong with the file and the choice; what secrets refer to was not looked at.
    """

    config: PipelineConfig
    apis: tuple[ApiConfig, ...]
    problems: tuple[Problem, ...]


def choose_apis(file: Path, wanted: Sequence[str] | None = None) -> ConfigChoice:
    """The wanted APIs of a configuration, or all that are enabled, and everything that is wrong there."""
    try:
        inspected = inspect_config(file)
    except ConfigError as error:
        return ConfigChoice(PipelineConfig(file, ()), (), error.problems)
    chosen, problems = _selected(inspected.config.apis, wanted)
    # of a file with faults in what they are chosen by it may not be true that there is no such API
    of_choice = [
        replace(problem, where=str(file)) if problem.path else problem
        for problem in (problems if inspected.is_choice_sure else ())
    ]
    told = [*inspected.problems, *of_choice]
    return ConfigChoice(inspected.config, chosen, tuple(told))


def check_configuration(file: Path, wanted: Sequence[str] | None = None) -> PipelineConfig:
    """The configuration in `file`, if the wanted APIs could run with it as far as can be told offline.

    Raises:
        ConfigError: With every problem of the file, the choice or the environment variables.
    """
    choice = choose_apis(file, wanted)
    problems = [*choice.problems, *unset_secrets(choice.config, choice.apis, environment())]
    if problems:
        raise ConfigError(problems)
    return choice.config


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
    chosen, problems = _selected(apis, wanted)
    if problems:
        raise ConfigError(problems)
    return chosen


def _selected(
    apis: Sequence[ApiConfig], wanted: Sequence[str] | None
) -> tuple[tuple[ApiConfig, ...], list[Problem]]:
    """The APIs that can be told, and what is wrong with the choice."""
    if wanted is None:
        enabled = tuple(api for api in apis if api.enabled)
        return enabled, [] if enabled else [Problem("configuration", "$.apis", "no API is enabled")]
    if not wanted:
        cause = "an empty list of APIs was asked for"
        return (), [Problem("apis", "", cause, "leave it out to run all that are enabled")]
    chosen: set[str] = set()
    problems = []
    for word in wanted:
        matching = [api.name for api in apis if _folded(api.name) == _folded(word)] or [
            api.name for api in apis if _folded(api.output_folder) == _folded(word)
        ]
        chosen.update(matching)
        if not matching:
            problems.append(Problem("apis", "", f"no API is called '{word}'", _advice(word, apis)))
    return tuple(api for api in apis if api.name in chosen), problems


def _advice(word: str, apis: Sequence[ApiConfig]) -> str:
    nearest = nearest_word(word, [api.name for api in apis] + [api.output_folder for api in apis])
    configured = "configured: " + ", ".join(f"'{api.name}'" for api in apis)
    return f"did you mean '{nearest}'? {configured}" if nearest else configured
