"""Loads `api_config.json` and reports every problem in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.api_config.consistency import inconsistencies
from flows.api_config.models import ApiConfig, CommonOptions
from flows.api_config.problems import ConfigError, Problem
from flows.api_config.validation import path_step, unknown_key, validated

_TOP_LEVEL_KEYS = ("apis", "defaults", "$schema")
_MERGED_KEYS = ("headers", "params")


@dataclass(frozen=True)
class PipelineConfig:
    """The valid APIs of a configuration file.

    Attributes:
        file: The file.
        apis: The APIs, enabled or not, with `defaults` applied.
        paths: The JSON path of each API in the file (`$.apis[0]`).
    """

    file: Path
    apis: tuple[ApiConfig, ...]
    paths: tuple[str, ...]

    def path_of(self, api: ApiConfig) -> str:
        """The JSON path of an API in the file."""
        return self.paths[self.apis.index(api)]


def load_config(file: Path) -> PipelineConfig:
    """Read and validate a configuration file.

    Raises:
        ConfigError: With every problem of the file at once.
    """
    config, problems = inspect_config(file)
    if problems:
        raise ConfigError(problems)
    return config


def inspect_config(file: Path) -> tuple[PipelineConfig, tuple[Problem, ...]]:
    """Read a configuration file: its valid APIs, and every problem found in it.

    Whether keys go together is checked for entries whose keys are all valid.

    Raises:
        ConfigError: If the file is not a JSON object.
    """
    document = _read_json(file)
    problems: list[Problem] = []
    defaults = document.get("defaults", {})
    problems += [
        unknown_key(file, f"$.{key}", key, _TOP_LEVEL_KEYS) for key in document if key not in _TOP_LEVEL_KEYS
    ]
    if not isinstance(defaults, dict):
        problems.append(Problem(str(file), "$.defaults", "is not an object"))
        defaults = {}
    entries = document.get("apis")
    if not isinstance(entries, list) or not entries:
        problems.append(Problem(str(file), "$.apis", "must be a list of at least one API"))
        entries = []
    problems += validated(file, "$.defaults", CommonOptions, defaults)[1]
    # a problem of the defaults is reported once, not under each API
    usable_defaults = {
        key: value
        for key, value in defaults.items()
        if not any(_is_within(f"$.defaults{path_step(key)}", problem.path) for problem in problems)
    }
    apis: dict[str, ApiConfig] = {}
    for index, entry in enumerate(entries):
        path = f"$.apis[{index}]"
        if not isinstance(entry, dict):
            problems.append(Problem(str(file), path, "is not an object"))
            continue
        api, found = validated(file, path, ApiConfig, _with_defaults(entry, usable_defaults))
        problems += found
        inherits_problem = bool(defaults.keys() - usable_defaults.keys() - entry.keys())
        if api is not None and not inherits_problem:
            apis[path] = api
            problems += [
                Problem(str(file), path + where, cause, advice)
                for where, cause, advice in inconsistencies(api)
            ]
    problems += _clashes(file, entries)
    return PipelineConfig(file, tuple(apis.values()), tuple(apis)), tuple(problems)


def _file_error(file: Path, cause: str, suggestion: str = "") -> ConfigError:
    return ConfigError([Problem(str(file), "", cause, suggestion)])


def _read_text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        advice = "name it with --config or ENERGY_PIPELINE_CONFIG_FILE"
        raise _file_error(file, "there is no such file", advice) from None
    except UnicodeDecodeError as error:
        raise _file_error(file, f"is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise _file_error(file, f"cannot be read: {error.strerror}") from None
    if not text.strip():
        raise _file_error(file, "is empty", 'it must hold {"apis": [...]}')
    return text


def _read_json(file: Path) -> dict[str, Any]:
    def refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        repeated = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
        if repeated:
            raise _file_error(file, f"the key '{repeated[0]}' occurs twice in one object")
        return dict(pairs)

    def refuse_constant(name: str) -> Any:
        raise _file_error(file, f"is not JSON: it holds {name}")

    text = _read_text(file)
    try:
        document = json.loads(text, object_pairs_hook=refuse_repeated_keys, parse_constant=refuse_constant)
        # an unpaired surrogate, as in "\ud800", cannot be printed or sent
        json.dumps(document, ensure_ascii=False).encode()
    except ConfigError:
        raise
    except json.JSONDecodeError as error:
        cause = f"is not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        raise _file_error(file, cause) from None
    except RecursionError:
        raise _file_error(file, "is nested too deeply") from None
    except UnicodeEncodeError:
        raise _file_error(file, "holds an unpaired surrogate, an escape from \\ud800 to \\udfff") from None
    except ValueError:
        raise _file_error(file, "holds a number too long to be read") from None
    if not isinstance(document, dict):
        raise _file_error(file, "must hold an object", '{"apis": [...]}')
    return document


def _with_defaults(entry: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    merged = {**defaults, **entry}
    for key in _MERGED_KEYS:
        if isinstance(entry.get(key), dict) and isinstance(defaults.get(key), dict):
            # header names are compared without regard to case
            folded = str.casefold if key == "headers" else str
            own = set(map(folded, entry[key]))
            others = {name: text for name, text in defaults[key].items() if folded(name) not in own}
            merged[key] = {**others, **entry[key]}
    return merged


def _is_within(outer: str, path: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))


def _clashes(file: Path, entries: list[Any]) -> Iterator[Problem]:
    """Names and object keys that two APIs share, invalid entries included."""
    names: dict[str, int] = {}
    prefixes: dict[tuple[str, str], int] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            continue
        name, folder, prefix = (entry.get(key) for key in ("name", "output_folder", "csv_prefix"))
        if isinstance(name, str):
            first = names.setdefault(name.strip().casefold(), index)
            if first != index:
                yield Problem(
                    str(file), f"$.apis[{index}].name", f"'{name}' is also the name of $.apis[{first}]"
                )
        if isinstance(folder, str) and isinstance(prefix, str):
            first = prefixes.setdefault((folder.strip().removesuffix("/"), prefix.strip()), index)
            if first != index:
                cause = f"$.apis[{first}] has the same output_folder '{folder}' and csv_prefix '{prefix}'"
                yield Problem(str(file), f"$.apis[{index}].output_folder", cause)
