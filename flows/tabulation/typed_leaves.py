"""Columns of values that a typed decoder gave, where their types are those of the exact way."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.tabulation.column_types import MAX_EXACT_INTEGER, SURE_SIGNIFICANT_DIGITS, gives_back
from flows.tabulation.kept_lists import keep_lists
from flows.tabulation.record_shapes import Missing

if TYPE_CHECKING:
    from flows.tabulation.record_paths import Path

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
_LONG_DIGITS = re.compile(rb"[0-9.]{%d,}[eE]?" % (SURE_SIGNIFICANT_DIGITS + 1))
_ONE_DECIMAL = re.compile(rb"[0-9]+\.[0-9]+")
_MAX_INTEGER_DIGITS = 17
_MAX_DIGITS = 100
MAX_NUMBER_LENGTH = 2 * _MAX_DIGITS + len("-e-")
"""Of numbers that are known to fit doubles: no mantissa and no exponent has more than 100 digits."""


@dataclass(frozen=True, slots=True)
class TypedLeaf:
    """One column, before it has a name."""

    path: Path
    series: pl.Series
    quotes: int
    """In the body, of its values; less those of the keys that some records lack."""
    holds_objects: bool = False
    """Lists of objects are kept in it."""


def type_leaf(path: Path, kinds: frozenset[type], values: list[Any], levels: int) -> TypedLeaf | None:
    """Make a column of decoded values of these kinds, or None where it may not be that of the exact way.

    Args:
        path: The path of the values.
        kinds: Those that were decoded; of a list its source.
        values: One a record.
        levels: How deep in their document lists stand.
    """
    if list in kinds:
        kept = keep_lists(values, levels)
        if kept is None:
            return None
        series = pl.Series("", kept.texts, dtype=pl.String)
        quotes = kept.quotes - 2 * series.null_count()
        return TypedLeaf(path, series, quotes, kept.hold_objects)
    column = _typed_series(kinds, values)
    if column is None:
        return None
    texts = len(column) - column.null_count() if column.dtype == pl.String else 0
    missing = column.null_count() if Missing in kinds else 0
    return TypedLeaf(path, column, 2 * (texts - missing))


def numbers_fit_doubles(body: bytes) -> bool:
    """Rule out numbers that typed decoding would round or flush to zero without a word."""
    picture = body.translate(_NUMBER_PICTURE)
    if b"e-000" in picture:
        return False
    if b"0" * (SURE_SIGNIFICANT_DIGITS + 1) not in picture:
        return True
    return all(map(_fits_double, _LONG_DIGITS.findall(body)))


def _fits_double(written: bytes) -> bool:
    digits = len(written.replace(b".", b"").strip(b"0"))
    if len(written) > _MAX_DIGITS or digits <= SURE_SIGNIFICANT_DIGITS:
        return len(written) <= _MAX_DIGITS
    if _ONE_DECIMAL.fullmatch(written):
        text = written.decode()
        return gives_back(text, float(text))
    # what becomes of integers their column tells
    return digits <= _MAX_INTEGER_DIGITS and not written.endswith((b"e", b"E"))


def _typed_series(kinds: frozenset[type], values: list[Any]) -> pl.Series | None:
    if bool in kinds:
        return pl.Series("", values, dtype=pl.Boolean)
    if float in kinds:
        # integers among them came as floats: exact below 2**53, but for a "-0", which is no -0.0
        decimals = pl.Series("", values, dtype=pl.Float64)
        is_exact = (decimals.abs() < MAX_EXACT_INTEGER).all() and not (1 / decimals == -math.inf).any()
        return decimals if is_exact else None
    if int not in kinds:
        return pl.Series("", values, dtype=pl.String)
    found = set(map(type, values)) - {NoneType}
    if int not in found:
        return pl.Series("", values, dtype=pl.Float64)
    if float in found:
        integers = [value for value in values if type(value) is int]
        exact = max(map(abs, integers)) <= MAX_EXACT_INTEGER
        return pl.Series("", values, dtype=pl.Float64) if exact else None
    try:
        return pl.Series("", values, dtype=pl.Int64)
    except (TypeError, OverflowError):
        # beyond 64 bits
        return None
