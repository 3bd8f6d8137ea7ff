"""The types of ISO New England's responses, from the service's published description.

Responses deviate from it: fields are missing or added, and a list of one record may be an object. It is
used to show the expected columns, never to validate a response.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_TOKEN = re.compile(r"[{}\[\],:]|[^{}\[\],:()]+(?:\([^)]*\))?")
TEXT_KEY = "$"


@dataclass(frozen=True)
class Scalar:
    """A single value: `num`, `int`, `str`, `dt`, `string(A|B)`, or `?` if unknown."""

    kind: str


@dataclass(frozen=True)
class ListOf:
    """A list, or a single item of it."""

    item: RecordType


@dataclass(frozen=True)
class Record:
    """An object; `optional` names the fields that may be missing."""

    fields: Mapping[str, RecordType]
    optional: frozenset[str]


RecordType = Scalar | ListOf | Record


@cache
def record_types() -> Mapping[str, RecordType]:
    """Every type by its name, with references resolved."""
    text = files("flows.catalog").joinpath("isone_record_types.txt").read_text(encoding="utf-8")
    lines = (line.partition(" = ") for line in text.splitlines() if line)
    raw = {name: _parse(source) for name, _, source in lines}
    return {name: _resolved(kind, raw, ()) for name, kind in raw.items()}


def response_type(schema: str) -> RecordType | None:
    """The type of a response, including its wrapper; None if it is not described.

    The name of a single record means one record wrapped in its own name: `{"HourlyLmp": {…}}`.
    """
    known = record_types()
    kind = known.get(schema)
    if kind is None:
        plural = known.get(f"{schema}s")
        if not isinstance(plural, Record):
            return None
        return Record({schema: plural.fields.get(schema, next(iter(plural.fields.values())))}, frozenset())
    return Record({schema: kind}, frozenset())


def column_names(schema: str) -> tuple[str, ...]:
    """The expected columns of a response's table; () if it is not described."""
    kind = response_type(schema)
    if kind is None:
        return ()
    while True:
        if isinstance(kind, ListOf):
            kind = kind.item
        elif isinstance(kind, Record) and len(kind.fields) == 1:
            (kind,) = kind.fields.values()
        else:
            break
    nested = [path for path, _ in _object_lists(kind, ())]
    exploded = nested[0] if len(nested) == 1 else None
    return tuple(dict.fromkeys(_columns(kind, (), exploded)))


def _object_lists(kind: RecordType, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], RecordType]]:
    if isinstance(kind, Record):
        for key, inner in kind.fields.items():
            if isinstance(inner, ListOf) and isinstance(inner.item, Record):
                yield (*path, key), inner
            yield from _object_lists(inner, (*path, key))


def _columns(kind: RecordType, path: tuple[str, ...], exploded: tuple[str, ...] | None) -> Iterator[str]:
    if isinstance(kind, Record):
        for key, inner in kind.fields.items():
            yield from _columns(inner, (*path, key), exploded)
    elif isinstance(kind, ListOf) and path == exploded:
        yield from _columns(kind.item, path, None)
    else:
        yield "_".join(key.removeprefix("@") for key in path if key != TEXT_KEY) or "value"


def _parse(source: str) -> RecordType:
    tokens = _TOKEN.findall(source.strip())
    kind, rest = _read(tokens)
    if rest:
        raise ValueError(f"{source!r} goes on after its end: {rest[0]!r}")
    return kind


def _read(tokens: list[str]) -> tuple[RecordType, list[str]]:
    first, rest = tokens[0], tokens[1:]
    if first == "[":
        item, rest = _read(rest)
        return ListOf(item), rest[1:]
    if first != "{":
        return Scalar(first.strip()), rest
    fields: dict[str, RecordType] = {}
    optional: set[str] = set()
    while rest[0] != "}":
        if rest[0] == ",":
            rest = rest[1:]
        key = rest[0].strip()
        kind, rest = _read(rest[2:])
        fields[key.removesuffix("?")] = kind
        if key.endswith("?"):
            optional.add(key.removesuffix("?"))
    return Record(fields, frozenset(optional)), rest[1:]


def _resolved(kind: RecordType, known: Mapping[str, RecordType], above: tuple[str, ...]) -> RecordType:
    if isinstance(kind, ListOf):
        return ListOf(_resolved(kind.item, known, above))
    if isinstance(kind, Record):
        fields = {key: _resolved(inner, known, above) for key, inner in kind.fields.items()}
        return Record(fields, kind.optional)
    name = kind.kind
    if name in above:
        # a type that holds itself: the service describes two of them, neither more than a level deep
        return Scalar("?")
    referred = _referred(name, known)
    return _resolved(referred, known, (*above, name)) if referred else kind


def _referred(name: str, known: Mapping[str, RecordType]) -> RecordType | None:
    if name in {"num", "int", "str", "dt", "?"} or name.startswith("string"):
        return None
    if name in known:
        return known[name]
    plural = known.get(f"{name}s") or known.get(f"{name.rstrip('0123456789')}s")
    if isinstance(plural, Record):
        listed = [inner.item for inner in plural.fields.values() if isinstance(inner, ListOf)]
        return listed[0] if listed else plural
    for kind in known.values():
        if isinstance(kind, Record) and isinstance(kind.fields.get(name), Record):
            return kind.fields[name]
    return None
