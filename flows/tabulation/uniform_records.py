"""The quick way for large lists of records that are all alike, through a decoder made for their shape.

It accepts a document only where its result is that of the exact way; whatever is unusual, or cannot be
told apart from something unusual, is left to that.
"""

from __future__ import annotations

import functools
import json
import math
import operator
import re
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import polars as pl

from flows.documents.errors import show_path
from flows.tabulation.column_names import element_path, name_columns
from flows.tabulation.column_types import MAX_EXACT_INTEGER, MAX_INTEGER, MAX_SIGNIFICANT_DIGITS
from flows.tabulation.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flows.tabulation.record_paths import Path

_SAMPLE_BYTES = 65_536
_SAMPLE_RECORDS = 50
_MAX_DEPTH = 20
_WRAPPERS = re.compile(rb'\s*(?:\{\s*"[^"\\]*"\s*:\s*)*\[')
_WRAPPER_KEY = re.compile(rb'"([^"\\]*)"')
_BETWEEN_RECORDS = re.compile(r"[\s,]*")
_NUMBER_PICTURE = bytes(
    ord("0")
    if byte in b"0123456789."
    else ord("e")
    if byte in b"eE"
    else ord("-")
    if byte in b"-"
    else ord(" ")
    for byte in range(256)
)
_LONG_DIGITS = re.compile(rb"[0-9.]{%d,}" % (MAX_SIGNIFICANT_DIGITS + 1))
_MAX_NUMBER_LENGTH = 100


Shape: TypeAlias = "tuple[tuple[Path, frozenset[type]], ...]"
"""The leaves of a record in order, each with the types of its values in the first records.

A number's type is `float` where one of them has a fraction or an exponent, else `int`.
"""

Extractor: TypeAlias = "Callable[[list[Any]], tuple[list[Any], ...]]"
"""Takes decoded records and gives the values of each leaf of their shape."""


def tabulate_uniform_records(body: bytes, records: Sequence[str] | None = None) -> Table | None:
    """Tabulate a list of objects that all have the same keys and, key by key, the same types.

    Returns:
        The table that the exact way gives, or None where this way cannot vouch for that.
    """
    opening = _WRAPPERS.match(body, 0, _SAMPLE_BYTES)
    if opening is None:
        return None
    try:
        wrappers = tuple(key.decode() for key in _WRAPPER_KEY.findall(opening[0]))
        if len(wrappers) > _MAX_DEPTH or (records is not None and tuple(records) != wrappers):
            return None
        shape = _learn_shape(body[opening.end() : opening.end() + _SAMPLE_BYTES])
        if shape is None or not _numbers_fit_doubles(body):
            return None
        decoder, values_of_leaves = _decoder_for(wrappers, shape)
        rows = functools.reduce(getattr, ["f0"] * len(wrappers), decoder.decode(body))
    except (ValueError, RecursionError):
        # not such a document after all, or not JSON: the exact way finds out, and tells the reader
        return None
    names, findings = name_columns([element_path(path) for path, _ in shape])
    series: list[pl.Series] = []
    for name, (_, kinds), values in zip(names, shape, values_of_leaves(rows), strict=True):
        column = _typed_series(name, kinds, values)
        if column is None:
            return None
        series.append(column)
    if body.count(b'"') != _expected_quotes(wrappers, shape, series):
        return None
    return Table(pl.DataFrame(series), show_path(wrappers), tuple(findings))


def _learn_shape(sample: bytes) -> Shape | None:
    # a character cut in two at the end of the sample belongs to a record that is cut as well
    text = sample.decode("utf-8", "ignore")
    decoder = json.JSONDecoder()
    merged: dict[Path, set[type]] = {}
    position = 0
    for number in range(_SAMPLE_RECORDS):
        position = _BETWEEN_RECORDS.match(text, position).end()  # type: ignore[union-attr]  # matches ""
        try:
            record, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError:
            break
        leaves = dict(_leaf_types(record, ()))
        if number == 0:
            merged = {path: set() for path in leaves}
        if None in leaves.values() or merged.keys() != leaves.keys():
            return None
        for path, kind in leaves.items():
            merged[path].add(kind)
    for kinds in merged.values():
        if float in kinds:
            kinds.discard(int)
    if not merged or any(len(kinds - {NoneType}) > 1 for kinds in merged.values()):
        return None
    return tuple((path, frozenset(kinds)) for path, kinds in merged.items())


def _leaf_types(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Go through the leaves below a value; a type of None marks what only the exact way can place."""
    if isinstance(value, dict) and value and len(path) < _MAX_DEPTH:
        for key, item in value.items():
            yield from _leaf_types(item, (*path, key))
    elif not path or isinstance(value, (dict, list)):
        yield path, None
    else:
        yield path, type(value)


@functools.lru_cache(maxsize=32)
def _decoder_for(wrappers: tuple[str, ...], shape: Shape) -> tuple[msgspec.json.Decoder[Any], Extractor]:
    """Make a decoder that refuses missing, further and differently typed fields, wrappers included."""
    attributes: list[tuple[str, ...]] = []
    record = _struct_for([(path, kinds) for path, kinds in shape], attributes, ())
    document: Any = list[record]  # type: ignore[valid-type]  # made at run time
    for key in reversed(wrappers):
        document = _define_struct({key: document})
    return msgspec.json.Decoder(document), _extractor(attributes)


def _struct_for(
    leaves: list[tuple[Path, frozenset[type]]], attributes: list[tuple[str, ...]], above: tuple[str, ...]
) -> Any:
    groups: dict[str, list[tuple[Path, frozenset[type]]]] = {}
    for path, kinds in leaves:
        groups.setdefault(path[0], []).append((path[1:], kinds))
    fields: dict[str, Any] = {}
    for number, (key, group) in enumerate(groups.items()):
        attribute = (*above, f"f{number}")
        rest, kinds = group[0]
        if rest:
            fields[key] = _struct_for(group, attributes, attribute)
            continue
        attributes.append(attribute)
        # a column that begins with integers may go on with decimals
        types = [int | float if kind is int else None if kind is NoneType else kind for kind in kinds]
        fields[key] = functools.reduce(operator.or_, types)
    return _define_struct(fields)


def _define_struct(fields: dict[str, Any]) -> Any:
    return msgspec.defstruct(
        "UniformFields",
        [(f"f{number}", kind) for number, kind in enumerate(fields.values())],
        rename={f"f{number}": key for number, key in enumerate(fields)},
        forbid_unknown_fields=True,
        gc=False,
    )


def _extractor(attributes: list[tuple[str, ...]]) -> Extractor:
    """Write the function that takes the leaves' values out of records, one list for each.

    As source, since it is half of the work: a list written out takes half as long as one made by
    `getattr`. The names in it are our own.
    """
    lines = ["def values_of_leaves(records):"]
    variables: dict[tuple[str, ...], str] = {(): "records"}

    def variable(attribute: tuple[str, ...]) -> str:
        if attribute not in variables:
            above = variable(attribute[:-1])
            variables[attribute] = "_".join(attribute)
            lines.append(f"    {variables[attribute]} = [item.{attribute[-1]} for item in {above}]")
        return variables[attribute]

    results = "".join(f"{variable(attribute)}, " for attribute in attributes)
    lines.append(f"    return ({results})")
    namespace: dict[str, Extractor] = {}
    exec("\n".join(lines), {}, namespace)  # noqa: S102 - nothing of the payload is in it
    return namespace["values_of_leaves"]


def _typed_series(name: str, kinds: frozenset[type], values: list[Any]) -> pl.Series | None:
    if bool in kinds:
        return pl.Series(name, values, dtype=pl.Boolean)
    if float in kinds:
        # integers among them came as floats: exact below 2**53, but for a "-0", which is no -0.0
        decimals = pl.Series(name, values, dtype=pl.Float64)
        is_exact = (decimals.abs() < MAX_EXACT_INTEGER).all() and not (1 / decimals == -math.inf).any()
        return decimals if is_exact else None
    if int not in kinds:
        return pl.Series(name, values, dtype=pl.String)
    found = set(map(type, values)) - {NoneType}
    if int not in found:
        return pl.Series(name, values, dtype=pl.Float64)
    integers = [value for value in values if type(value) is int]
    low, high = min(integers), max(integers)
    if float in found:
        exact = max(-low, high) <= MAX_EXACT_INTEGER
        return pl.Series(name, values, dtype=pl.Float64) if exact else None
    # ~low is -low - 1: of 64-bit integers one more is negative than positive
    return pl.Series(name, values, dtype=pl.Int64) if max(~low, high) <= MAX_INTEGER else None


def _numbers_fit_doubles(body: bytes) -> bool:
    """Rule out numbers that typed decoding would round or flush to zero without a word."""
    picture = body.translate(_NUMBER_PICTURE)
    if b"e-000" in picture:
        return False
    if b"0" * (MAX_SIGNIFICANT_DIGITS + 1) not in picture:
        return True
    return all(
        len(digits) <= _MAX_NUMBER_LENGTH
        and len(digits.replace(b".", b"").strip(b"0")) <= MAX_SIGNIFICANT_DIGITS
        for digits in _LONG_DIGITS.findall(body)
    )


def _expected_quotes(wrappers: tuple[str, ...], shape: Shape, series: list[pl.Series]) -> int:
    """Count the quotes of a body in which no key stands twice.

    Each key and each text has two; a repeated key, or a quote within a text, makes more.
    """
    keys = {path[:end] for path, _ in shape for end in range(1, len(path) + 1)}
    rows = len(series[0])
    texts = sum(rows - column.null_count() for column in series if column.dtype == pl.String)
    return 2 * (len(wrappers) + rows * len(keys) + texts)
