"""Selects APIs of a configuration by name or output folder."""

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
    """The selected APIs, and the problems of the configuration.

    Attributes:
        config: The valid APIs of the configuration.
        apis: The selected ones among them.
        problems: All problems of the file and of the selection; secrets are not checked.
    """

    config: PipelineConfig
    apis: tuple[ApiConfig, ...]
    problems: tuple[Problem, ...]


def choose_apis(file: Path, wanted: Sequence[str] | None = None) -> ConfigChoice:
    """Select APIs, or all that are enabled, from a configuration file, and collect all its problems."""
    try:
        config, problems = inspect_config(file)
    except ConfigError as error:
        return ConfigChoice(PipelineConfig(file, (), ()), (), error.problems)
    chosen, of_selection = _selected(config.apis, wanted)
    if not problems:
        # in a file with problems, the API that is missing may be an entry that is not valid
        problems = tuple(
            replace(problem, where=str(file)) if problem.path else problem for problem in of_selection
        )
    return ConfigChoice(config, chosen, problems)


def check_configuration(file: Path, wanted: Sequence[str] | None = None) -> PipelineConfig:
    """Load a configuration, and check the selection and its environment variables, without any request.

    Raises:
        ConfigError: With every problem of the file, the selection or the environment variables.
    """
    choice = choose_apis(file, wanted)
    problems = [*choice.problems, *unset_secrets(choice.config, choice.apis, environment())]
    if problems:
        raise ConfigError(problems)
    return choice.config


def _folded(text: str) -> str:
    return text.strip().casefold()


def select_apis(apis: Sequence[ApiConfig], wanted: Sequence[str] | None) -> tuple[ApiConfig, ...]:
    """The selected APIs, in the configuration's order, each once.

    Args:
        apis: All APIs of the configuration.
        wanted: Names or output folders, ignoring case and surrounding space; None selects every
            enabled API. A disabled API can be selected by its name.

    Raises:
        ConfigError: For an empty selection, for each unknown name, or if no API is enabled.
    """
    chosen, problems = _selected(apis, wanted)
    if problems:
        raise ConfigError(problems)
    return chosen


def _selected(
    apis: Sequence[ApiConfig], wanted: Sequence[str] | None
) -> tuple[tuple[ApiConfig, ...], list[Problem]]:
    if wanted is None:
        enabled = tuple(api for api in apis if api.enabled)
        return enabled, [] if enabled else [Problem("configuration", "$.apis", "no API is enabled")]
    if not wanted:
        cause = "an empty list selects no API"
        return (), [Problem("apis", "", cause, "leave it out to run all enabled APIs")]
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
