"""Reading `api_config.json`: every problem is found before any request is made."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.api_config.consistency import inconsistencies
from flows.api_config.models import ApiConfig, CommonOptions
from flows.api_config.problems import ConfigError, Problem, nearest_word
from flows.api_config.validation import path_step, unknown_key, validated, validation_problems

_TOP_LEVEL_KEYS = ("apis", "defaults", "$schema")
_MERGED_KEYS = ("headers", "params")
# for what an entry lacks, so that the rest of it can be looked at
_STAND_INS = dict.fromkeys(("name", "output_folder", "csv_prefix"), "unknown") | {
    "url": "https://unknown.invalid"
}


@dataclass(frozen=True)
class PipelineConfig:
    """A valid configuration.

    Attributes:
        file: Where it was read from.
        apis: All APIs in it, enabled or not, `defaults` applied.
    """

    file: Path
    apis: tuple[ApiConfig, ...]


@dataclass(frozen=True)
class InspectedConfig:
    """A configuration as far as it can be used, to find out what else is wrong with it.

    Attributes:
        config: Its APIs are without the keys at fault, and have stand-ins for what they lack.
        problems: All that is wrong in the file.
        is_choice_sure: Whether every API has what it is chosen by.
    """

    config: PipelineConfig
    problems: tuple[Problem, ...] = ()
    is_choice_sure: bool = True


def load_config(file: Path) -> PipelineConfig:
    """Read and validate a configuration file.

    Raises:
        ConfigError: With every problem of the file at once.
    """
    inspected = inspect_config(file)
    if inspected.problems:
        raise ConfigError(inspected.problems)
    return inspected.config


def inspect_config(file: Path) -> InspectedConfig:
    """Read a configuration file and find every problem in it.

    Raises:
        ConfigError: Where it is no JSON object.
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
        problems.append(Problem(str(file), "$.apis", "must be a list with at least one API in it"))
        entries = []
    problems += validation_problems(file, "$.defaults", CommonOptions, defaults)
    # what is wrong in the defaults is told once, not again under each API
    usable_defaults = {
        key: value
        for key, value in defaults.items()
        if not any(_is_within(f"$.defaults{path_step(key)}", problem.path) for problem in problems)
    }

    apis: list[ApiConfig] = []
    is_choice_sure = bool(entries)
    for index, entry in enumerate(entries):
        path = f"$.apis[{index}]"
        own: dict[str, Any] = entry if isinstance(entry, dict) else {}
        merged = _with_defaults(own, usable_defaults)
        found = validation_problems(file, path, ApiConfig, merged)
        problems += found if own is entry else [Problem(str(file), path, "is not an object")]
        faulty_defaults = defaults.keys() - usable_defaults.keys() - own.keys()
        api, at_fault = _usable_part(file, path, merged, found, faulty_defaults)
        problems += [
            Problem(str(file), path + where, cause, advice)
            for where, cause, advice in inconsistencies(api, at_fault)
        ]
        is_choice_sure &= not at_fault & {"name", "output_folder", "enabled"}
        apis.append(api)
    problems += _clashes(file, entries)
    return InspectedConfig(PipelineConfig(file, tuple(apis)), tuple(problems), is_choice_sure)


def _usable_part(
    file: Path, path: str, entry: dict[str, Any], found: Sequence[Problem], faulty_defaults: Iterable[str]
) -> tuple[ApiConfig, set[str]]:
    """An API without the keys at fault, and these keys, those that are missing or misspelt among them."""
    at_fault = set(map(_meant, faulty_defaults))
    usable = entry
    while found:
        faulty = {
            key
            for key in {**_STAND_INS, **usable}
            if any(_is_within(path + path_step(key), problem.path) for problem in found)
        }
        if not faulty:
            # no key's own, as where it is nested too deeply
            faulty = {*_STAND_INS, *usable}
            at_fault |= ApiConfig.model_fields.keys()
        at_fault |= set(map(_meant, faulty))
        usable = {key: value for key, value in usable.items() if key not in faulty}
        usable |= {key: text for key, text in _STAND_INS.items() if key in faulty}
        found = validation_problems(file, path, ApiConfig, usable)
    # rather than what its host is asked with by default, or what is not asked at all
    replaced: dict[str, Any] = {"auth": [{"kind": "none"}], "enabled": False}
    usable = {**usable, **{key: value for key, value in replaced.items() if key in at_fault}}
    return validated(ApiConfig, usable), at_fault


def _meant(key: str) -> str:
    return key if key in ApiConfig.model_fields else nearest_word(key, ApiConfig.model_fields) or key


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
            raise _file_error(file, f"the key '{repeated[0]}' stands twice in one object")
        return dict(pairs)

    def refuse_constant(name: str) -> Any:
        raise _file_error(file, f"is not JSON: it holds {name}")

    text = _read_text(file)
    try:
        document = json.loads(text, object_pairs_hook=refuse_repeated_keys, parse_constant=refuse_constant)
        # half a surrogate pair, as in "\ud800", is a text that nothing can print or send
        json.dumps(document, ensure_ascii=False).encode()
    except ConfigError:
        raise
    except json.JSONDecodeError as error:
        cause = f"is not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        raise _file_error(file, cause) from None
    except RecursionError:
        raise _file_error(file, "is nested too deeply") from None
    except UnicodeEncodeError:
        raise _file_error(file, "holds half a character: a \\ud800 to \\udfff escape on its own") from None
    except ValueError:
        raise _file_error(file, "holds a number too long to be read") from None
    if not isinstance(document, dict):
        raise _file_error(file, "must hold an object", '{"apis": [...]}')
    return document


def _with_defaults(entry: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    merged = {**defaults, **entry}
    for key in _MERGED_KEYS:
        if isinstance(entry.get(key), dict) and isinstance(defaults.get(key), dict):
            # headers are the same whatever their case
            folded = str.casefold if key == "headers" else str
            own = set(map(folded, entry[key]))
            others = {name: text for name, text in defaults[key].items() if folded(name) not in own}
            merged[key] = {**others, **entry[key]}
    return merged


def _is_within(outer: str, path: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))


def _clashes(file: Path, entries: list[Any]) -> Iterator[Problem]:
    """Names and places that two APIs share; they are looked for in faulty entries too."""
    names: dict[str, int] = {}
    places: dict[tuple[str, str], int] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            continue
        name, folder, prefix = (entry.get(key) for key in ("name", "output_folder", "csv_prefix"))
        if isinstance(name, str):
            first = names.setdefault(name.strip().casefold(), index)
            if first != index:
                yield Problem(
                    str(file), f"$.apis[{index}].name", f"'{name}' is the name of $.apis[{first}] too"
                )
        if isinstance(folder, str) and isinstance(prefix, str):
            first = places.setdefault((folder.strip().removesuffix("/"), prefix.strip()), index)
            if first != index:
                cause = f"'{folder}' with csv_prefix '{prefix}' is where $.apis[{first}] stores too"
                yield Problem(str(file), f"$.apis[{index}].output_folder", cause)
