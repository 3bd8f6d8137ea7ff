"""Flat column names for JSON paths."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from flows.documents import DocumentError, show_path
from flows.tabulation.table import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_NAME_LENGTH = 5_000
TEXT_KEY = "$"
VALUE_COLUMN = "value"
"""The column of rows that are values rather than objects, and of a record's own `$`."""


def name_columns(paths: Sequence[tuple[str, ...]]) -> tuple[list[str], list[Finding]]:
    """Name each path: keys joined by `_`, with `@` dropped and `$` standing for its parent.

    Args:
        paths: keys from the record to the value, in column order, none twice.

    Returns:
        The names in the same order, none twice, and a warning for each name that needed a suffix
        (`_2`, `_3`...) because another path falls to the same one.

    Raises:
        DocumentError: For a name longer than any table's.
    """
    return unique_names([_natural_name(path) for path in paths], paths)


def element_path(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path of a value's column: an element's own text has the column of the element."""
    while path[-1:] == (TEXT_KEY,):
        path = path[:-1]
    return path


def unique_names(natural: Sequence[str], paths: Sequence[tuple[str, ...]]) -> tuple[list[str], list[Finding]]:
    """Names made unique by a suffix, and a warning for each that needed one; `paths` are for people."""
    reserved = set(natural)
    owners: dict[str, tuple[str, ...]] = {}
    numbers: Counter[str] = Counter()
    names: list[str] = []
    findings: list[Finding] = []
    for path, name in zip(paths, natural, strict=True):
        unique = name
        if name in owners:
            numbers[name] += 1
            while (unique := f"{name}_{numbers[name] + 1}") in reserved:
                numbers[name] += 1
            reserved.add(unique)
            findings.append(_collision(name, unique, owners[name], path))
        else:
            owners[name] = path
        names.append(unique)
    return names, findings


def _natural_name(path: tuple[str, ...]) -> str:
    length = sum(map(len, path))
    if length > MAX_NAME_LENGTH:
        raise DocumentError(f"the field at {show_path(path)} would make a name of {length:,} characters")
    steps = (step.removeprefix("@") or step for step in path if step != TEXT_KEY)
    return "_".join(steps) or VALUE_COLUMN


def _collision(name: str, unique: str, first: tuple[str, ...], second: tuple[str, ...]) -> Finding:
    message = (
        f"two fields fall to the column name {name!r}: {show_path(first)} keeps it, "
        f"{show_path(second)} is {unique!r}"
    )
    return Finding("warning", "column-name-collision", message)
