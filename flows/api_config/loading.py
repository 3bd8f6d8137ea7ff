"""Reading `api_config.json`: every problem is found before any request is made."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.api_config.auth import AUTH_KINDS, SecretReference
from flows.api_config.models import ApiConfig, CommonOptions
from flows.api_config.problems import ConfigError, Problem, nearest_word

_TOP_LEVEL_KEYS = ("apis", "defaults", "$schema")
_MERGED_KEYS = ("headers", "params")


@dataclass(frozen=True)
class PipelineConfig:
    """A valid configuration.

    Attributes:
        file: Where it was read from.
        apis: All APIs in it, enabled or not, `defaults` applied.
    """

    file: Path
    apis: tuple[ApiConfig, ...]


def load_config(file: Path) -> PipelineConfig:
    """Read and validate a configuration file.

    Raises:
        ConfigError: With every problem of the file at once.
    """
    document = _read_json(file)
    problems: list[Problem] = []
    defaults = document.get("defaults", {})
    problems += [
        _unknown_key(file, f"$.{key}", key, _TOP_LEVEL_KEYS) for key in document if key not in _TOP_LEVEL_KEYS
    ]
    if not isinstance(defaults, dict):
        problems.append(Problem(str(file), "$.defaults", "is not an object"))
        defaults = {}
    entries = document.get("apis")
    if not isinstance(entries, list) or not entries:
        problems.append(Problem(str(file), "$.apis", "must be a list with at least one API in it"))
        entries = []
    problems += _validation_problems(file, "$.defaults", CommonOptions, defaults)
    # what is wrong in the defaults is told once, not again under each API
    usable_defaults = {
        key: value
        for key, value in defaults.items()
        if not any(_is_within(f"$.defaults{_path_step(key)}", problem.path) for problem in problems)
    }

    apis: list[ApiConfig] = []
    for index, entry in enumerate(entries):
        path = f"$.apis[{index}]"
        if not isinstance(entry, dict):
            problems.append(Problem(str(file), path, "is not an object"))
            continue
        found = _validation_problems(file, path, ApiConfig, merged := _with_defaults(entry, usable_defaults))
        problems += found
        if not found:
            apis.append(_validated(ApiConfig, merged))
    problems += _clashes(file, entries)
    if problems:
        raise ConfigError(problems)
    return PipelineConfig(file, tuple(apis))


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
            merged[key] = {**defaults[key], **entry[key]}
    return merged


def _validated(model: type[CommonOptions], raw: dict[str, Any]) -> Any:
    # strict JSON mode takes 30 for a float and a list for a list, but "30" for neither
    return model.model_validate_json(json.dumps(raw))


def _validation_problems(
    file: Path, path: str, model: type[CommonOptions], raw: dict[str, Any]
) -> list[Problem]:
    try:
        _validated(model, raw)
    except ValidationError as error:
        return [
            _as_problem(file, path, model, raw, dict(detail))
            for detail in error.errors(include_url=False, include_input=False)
        ]
    return []


def _as_problem(
    file: Path, path: str, model: type[CommonOptions], raw: dict[str, Any], detail: dict[str, Any]
) -> Problem:
    location = detail["loc"]
    where = path + "".join(_path_steps(raw, location))
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(file, where, str(location[-1]), _valid_keys(model, location))
    if kind == "missing":
        return Problem(str(file), where, "is missing")
    if kind in {"literal_error", "union_tag_invalid"}:
        valid = re.findall(r"'([^']+)'", str(context.get("expected") or context.get("expected_tags")))
        written = str(context.get("tag") or _value_at(raw, location))
        return _not_one_of(file, where if kind == "literal_error" else f"{where}.kind", written, valid)
    if kind == "union_tag_not_found":
        return Problem(str(file), f"{where}.kind", "is missing", "one of " + ", ".join(AUTH_KINDS))
    message = detail["msg"]
    return Problem(str(file), where, message[:1].lower() + message[1:])


def _not_one_of(file: Path, path: str, written: str, valid: list[str]) -> Problem:
    nearest = nearest_word(written, valid)
    listed = "one of " + ", ".join(valid)
    return Problem(
        str(file),
        path,
        f"'{written}' is not valid here",
        f"did you mean '{nearest}'? {listed}" if nearest else listed,
    )


def _unknown_key(file: Path, path: str, key: str, valid: Iterable[str]) -> Problem:
    nearest = nearest_word(key, valid)
    advice = f"did you mean '{nearest}'?" if nearest else "valid here: " + ", ".join(valid)
    return Problem(str(file), path, f"unknown key '{key}'", advice)


def _valid_keys(model: type[CommonOptions], location: tuple[str | int, ...]) -> Iterable[str]:
    tags = [part for part in location if part in AUTH_KINDS]
    if location[0] != "auth" or len(location) == 1:
        return tuple(model.model_fields)
    is_inside_secret = tags and location.index(tags[0]) < len(location) - 2
    return tuple((SecretReference if is_inside_secret else AUTH_KINDS[str(tags[0])]).model_fields)


def _path_steps(raw: Any, location: tuple[str | int, ...]) -> Iterator[str]:
    """JSON path steps of a pydantic location, without the tags and indexes pydantic puts between."""
    for position, part in enumerate(location):
        if isinstance(raw, dict) and (part in raw or position == len(location) - 1) and isinstance(part, str):
            raw = raw.get(part)
            yield _path_step(part)
        elif isinstance(raw, list) and isinstance(part, int):
            raw = raw[part] if part < len(raw) else None
            yield f"[{part}]"


def _path_step(key: str) -> str:
    return f".{key}" if re.fullmatch(r"\w+", key) else f"[{json.dumps(key)}]"


def _is_within(outer: str, path: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))


def _value_at(raw: Any, location: tuple[str | int, ...]) -> Any:
    for part in location:
        if isinstance(raw, dict) and part in raw:
            raw = raw[str(part)]
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[part]
    return raw


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
