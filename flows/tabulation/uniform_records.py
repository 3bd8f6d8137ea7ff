"""The quick way for large lists of records that are all alike, through a decoder made for their shape.

It accepts a document only where its result is that of the exact way; whatever is unusual, or cannot be
told apart from something unusual, is left to that.
"""

from __future__ import annotations

import functools
import json
import math
import re
from types import NoneType
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.documents.errors import show_path
from flows.tabulation.column_names import element_path, name_columns
from flows.tabulation.column_types import MAX_EXACT_INTEGER, MAX_INTEGER, MAX_SIGNIFICANT_DIGITS
from flows.tabulation.record_columns import MAX_PADDING
from flows.tabulation.record_decoder import Missing, Shape, decoder_for
from flows.tabulation.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


def tabulate_uniform_records(body: bytes, records: Sequence[str] | None = None) -> Table | None:
    """Tabulate a list of objects that have, key by key, the same types; their own keys may be missing.

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
        decoder, values_of_leaves = decoder_for(wrappers, shape)
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
    if len(series) * len(series[0]) > MAX_PADDING or body.count(b'"') != _expected_quotes(
        wrappers, shape, series
    ):
        return None
    return Table(pl.DataFrame(series), show_path(wrappers), tuple(findings))


def _learn_shape(sample: bytes) -> Shape | None:
    # a character cut in two at the end of the sample belongs to a record that is cut as well
    text = sample.decode("utf-8", "ignore")
    decoder = json.JSONDecoder()
    merged: dict[Path, set[type]] = {}
    lacking: set[Path] = set()
    position = 0
    for number in range(_SAMPLE_RECORDS):
        position = _BETWEEN_RECORDS.match(text, position).end()  # type: ignore[union-attr]  # matches ""
        try:
            record, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError:
            break
        leaves = dict(_leaf_types(record, ()))
        differing = merged.keys() ^ leaves.keys() if number else set()
        # of nested objects only the exact way knows where a further key stands
        if None in leaves.values() or any(len(path) > 1 for path in differing):
            return None
        lacking |= differing
        for path, kind in leaves.items():
            merged.setdefault(path, set()).add(kind)
    for path, kinds in merged.items():
        if float in kinds:
            kinds.discard(int)
        if lacking and len(path) == 1 and (NoneType not in kinds or path in lacking):
            kinds.add(Missing)
    # null and missing would come out the same, and whether a key stands twice could not be counted
    if not merged or any(
        len(kinds - {NoneType}) > 1 and len(kinds - {Missing}) > 1 for kinds in merged.values()
    ):
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
    missing = sum(
        column.null_count() for (_, kinds), column in zip(shape, series, strict=True) if Missing in kinds
    )
    return 2 * (len(wrappers) + rows * len(keys) - missing + texts)
