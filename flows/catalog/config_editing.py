"""Adds an entry to a configuration file and leaves the rest of the file unchanged."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.api_config import OWN_CONFIG_FILE, SHIPPED_CONFIG_FILE, ConfigError, Problem, load_config
from flows.api_config.schema import SCHEMA_FILE


def fitted_entry(file: Path, entry: dict[str, Any], fixed: Iterable[str] = ()) -> dict[str, Any]:
    """The entry with a number appended to its name and prefix if the file already has them.

    Args:
        file: The configuration.
        entry: The entry to add.
        fixed: Keys that the user set; they are not changed.

    Raises:
        ConfigError: If the file is not valid.
    """
    apis = load_config(file).apis
    names = {api.name.casefold() for api in apis}
    places = {(api.output_folder, api.csv_prefix) for api in apis}
    fitted = dict(entry)
    if "name" not in fixed:
        fitted["name"] = _unique(entry["name"], lambda name: name.casefold() not in names, " ")
    if not {"output_folder", "csv_prefix"} & set(fixed):
        folder = entry["output_folder"]
        fitted["csv_prefix"] = _unique(
            entry["csv_prefix"], lambda prefix: (folder, prefix) not in places, "_"
        )
    return fitted


def same_request(file: Path, entry: dict[str, Any]) -> str | None:
    """The name of the API in the file with the same URL, values and parameters, if there is one.

    Raises:
        ConfigError: If the file is not valid.
    """
    wanted = (entry["url"], entry.get("values", {}), entry.get("params", {}))
    same = (api.name for api in load_config(file).apis if (api.url, api.values, api.params) == wanted)
    return next(same, None)


def append_entry(file: Path, entry: dict[str, Any]) -> Path:
    """Append an entry to the APIs of a configuration file, if the result is valid.

    The rest of the file keeps its formatting. The file is replaced atomically. The shipped configuration is
    never written: its copy with the entry becomes `./api_config.json`, which is used from then on.

    Returns:
        The file that was written.

    Raises:
        ConfigError: With every problem; no file was changed.
    """
    is_shipped = file.resolve() == SHIPPED_CONFIG_FILE
    written = OWN_CONFIG_FILE if is_shipped else file
    if is_shipped and written.exists():
        cause = "comes with the package and is never written"
        raise ConfigError([Problem(str(file), "", cause, f"name your own file: --config {written}")])
    target = written.resolve()
    text = _with_entry(_read(file), entry)
    if is_shipped:
        text = text.replace(f'"{SCHEMA_FILE.name}"', json.dumps(str(SCHEMA_FILE)), 1)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise _unwritable(written, error) from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        _validate(temporary, written)
        shutil.copymode(file, temporary)
        temporary.replace(target)
    except OSError as error:
        raise _unwritable(written, error) from None
    finally:
        temporary.unlink(missing_ok=True)
    return written


def check_entry(file: Path, entry: dict[str, Any]) -> None:
    """Validate the file with the entry appended, without writing to it.

    Raises:
        ConfigError: With every problem.
    """
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / file.name
        draft.write_text(_with_entry(_read(file), entry), encoding="utf-8", newline="")
        _validate(draft, file)


def _validate(draft: Path, file: Path) -> None:
    try:
        load_config(draft)
    except ConfigError as error:
        raise ConfigError([replace(problem, where=str(file)) for problem in error.problems]) from None


def _read(file: Path) -> str:
    # for its problems, before the text is parsed below
    load_config(file)
    return file.read_bytes().decode("utf-8-sig")


def _unwritable(file: Path, error: OSError) -> ConfigError:
    advice = "copy it and name the copy with --config or ENERGY_PIPELINE_CONFIG_FILE"
    return ConfigError([Problem(str(file), "", f"cannot be written: {error.strerror}", advice)])


def _with_entry(text: str, entry: dict[str, Any]) -> str:
    document = json.loads(text)
    expected = {**document, "apis": [*document["apis"], entry]}
    last, closing = _end_of_apis(text)
    if "\n" in text[last:closing]:
        # indented like the last entry, whose closing brace has the indentation of its opening one
        margin = re.match(r"[ \t]*", text[text.rfind("\n", 0, last) + 1 :])[0]  # type: ignore[index]  # matches ""
        newline = "\r\n" if "\r\n" in text else "\n"
        step = "\t" if "\t" in margin else max(len(margin) // 2, 2)
        written = json.dumps(entry, indent=step, ensure_ascii=False).replace("\n", newline + margin)
        after = f"{text[:last]},{newline}{margin}{written}{text[last:]}"
    else:
        after = f"{text[:last]}, {json.dumps(entry, ensure_ascii=False)}{text[last:]}"
    return (
        after if json.loads(after) == expected else json.dumps(expected, indent=2, ensure_ascii=False) + "\n"
    )


def _end_of_apis(text: str) -> tuple[int, int]:
    """The positions of the end of the last entry of `apis`, and of the list's closing bracket."""
    decoder = json.JSONDecoder()
    position = text.index("{") + 1
    while True:
        position = _skip(text, position, ",")
        key, position = decoder.raw_decode(text, position)
        position = _skip(text, position, ":")
        if key == "apis":
            break
        _, position = decoder.raw_decode(text, position)
    position = text.index("[", position) + 1
    while text[position] != "]":
        _, last = decoder.raw_decode(text, _skip(text, position, ","))
        position = _skip(text, last, ",")
    return last, position


def _skip(text: str, position: int, separator: str) -> int:
    while text[position] in f" \t\r\n{separator}":
        position += 1
    return position


def _unique(text: str, is_free: Callable[[str], bool], separator: str) -> str:
    numbered = (f"{text}{separator}{number}" for number in itertools.count(2))
    return text if is_free(text) else next(candidate for candidate in numbered if is_free(candidate))
