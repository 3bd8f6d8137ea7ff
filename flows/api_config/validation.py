"""Turns pydantic's validation errors into problems with JSON paths and the nearest valid word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from flows.api_config.auth import AUTH_KINDS, SecretReference
from flows.api_config.data_check_severities import DataChecks
from flows.api_config.models import CommonOptions, Dates
from flows.api_config.paging import PAGINATION_KINDS
from flows.api_config.problems import Problem, nearest_word
from flows.api_config.response_conditions import ResponseCondition

# the models behind the keys that hold objects, by kind where there are several
_KINDS: dict[str, dict[str, type[BaseModel]]] = {"auth": {**AUTH_KINDS}, "pagination": {**PAGINATION_KINDS}}
_NESTED: dict[str, type[BaseModel]] = {
    "checks": DataChecks,
    "dates": Dates,
    "error_when": ResponseCondition,
    "empty_when": ResponseCondition,
}


Model = TypeVar("Model", bound=CommonOptions)


def validated(
    file: Path, path: str, model: type[Model], raw: dict[str, Any]
) -> tuple[Model | None, list[Problem]]:
    """`raw`, which is at `path` in the file, as a `model`; or None and its problems."""
    try:
        # strict JSON mode takes 30 for a float and a list for a list, but "30" for neither
        return model.model_validate_json(json.dumps(raw)), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return None, [_as_problem(file, path, model, raw, dict(detail)) for detail in details]


def _as_problem(
    file: Path, path: str, model: type[CommonOptions], raw: dict[str, Any], detail: dict[str, Any]
) -> Problem:
    location = detail["loc"]
    where = path + "".join(_path_steps(raw, location))
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(file, where, str(location[-1]), _valid_keys(model, location))
    if kind == "missing":
        return Problem(str(file), where, "is missing")
    if kind in {"literal_error", "union_tag_invalid"}:
        valid = re.findall(r"'([^']+)'", str(context.get("expected") or context.get("expected_tags")))
        written = str(context.get("tag") or _value_at(raw, location))
        return _not_one_of(file, where if kind == "literal_error" else f"{where}.kind", written, valid)
    if kind == "union_tag_not_found":
        kinds = ", ".join(_KINDS[str(location[0])])
        return Problem(str(file), f"{where}.kind", "is missing", f"one of {kinds}")
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


def unknown_key(file: Path, path: str, key: str, valid: Iterable[str]) -> Problem:
    """The problem of a key that is not valid at its place."""
    nearest = nearest_word(key, valid)
    advice = f"did you mean '{nearest}'?" if nearest else "valid here: " + ", ".join(valid)
    return Problem(str(file), path, f"unknown key '{key}'", advice)


def _valid_keys(model: type[CommonOptions], location: tuple[str | int, ...]) -> Iterable[str]:
    """The valid keys of the object that the last key of a pydantic location is in."""
    key = str(location[0])
    if len(location) == 1:
        return tuple(model.model_fields)
    if key in _NESTED:
        return tuple(_NESTED[key].model_fields)
    kinds = _KINDS[key]
    tag = next(part for part in location if part in kinds)
    is_inside_secret = location.index(tag) < len(location) - 2
    return tuple((SecretReference if is_inside_secret else kinds[str(tag)]).model_fields)


def _path_steps(raw: Any, location: tuple[str | int, ...]) -> Iterator[str]:
    """JSON path steps of a pydantic location, without the tags and indexes that pydantic adds."""
    for position, part in enumerate(location):
        if isinstance(raw, dict) and (part in raw or position == len(location) - 1) and isinstance(part, str):
            raw = raw.get(part)
            yield path_step(part)
        elif isinstance(raw, list) and isinstance(part, int):
            raw = raw[part] if part < len(raw) else None
            yield f"[{part}]"


def path_step(key: str) -> str:
    """One key as a step of a JSON path."""
    return f".{key}" if re.fullmatch(r"\w+", key) else f"[{json.dumps(key)}]"


def _value_at(raw: Any, location: tuple[str | int, ...]) -> Any:
    for part in location:
        if isinstance(raw, dict) and part in raw:
            raw = raw[str(part)]
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[part]
    return raw
