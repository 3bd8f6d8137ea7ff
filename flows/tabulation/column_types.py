"""The type of a column, from all of its values."""

from __future__ import annotations

import math
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING

import polars as pl

from flows.documents import DecimalText, IntegerText, JsonScalar, source_text

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_EXACT_INTEGER = 2**53
"""Up to here a double holds every integer."""
SURE_SIGNIFICANT_DIGITS = 15
"""A double of the normal range holds any decimal of so many digits."""

_EXACT_INTEGERS = (-MAX_EXACT_INTEGER, MAX_EXACT_INTEGER)
_INT64 = (-(2**63), 2**63 - 1)
_MAX_INT64_LENGTH = 20
_SMALLEST_NORMAL_DOUBLE = 2.3e-308
_SURE_SIZES = (_SMALLEST_NORMAL_DOUBLE, 1e308)
_NUMBERS = {int, IntegerText, DecimalText}


def typed_series(name: str, values: Sequence[JsonScalar]) -> pl.Series:
    """Create a column of the narrowest type that holds each of its values exactly.

    Integers are Int64; with decimals among them Float64; all true/false Boolean. Everything else is
    String, each value as written in the source: texts (never parsed), mixtures, integers beyond 64
    bits, integers beyond 2**53 among decimals, and decimals that a double does not hold: such as
    12345678901234.567, of which it would make 12345678901234.566, or what is beyond its range.
    """
    kinds = set(map(type, values)) - {NoneType}
    if kinds <= {str}:
        return pl.Series(name, values, dtype=pl.String)
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    numbers = _numeric_series(name, values, kinds) if kinds <= _NUMBERS else None
    if numbers is not None:
        return numbers
    texts = [None if value is None else source_text(value) for value in values]
    return pl.Series(name, texts, dtype=pl.String)


def is_exact(text: str) -> bool:
    """Return whether a double holds the decimal that a text is."""
    number = float(text)
    if math.isinf(number):
        return False
    digits = text.lower().partition("e")[0].replace("-", "").replace(".", "").strip("0")
    if number == 0.0:
        return not digits
    if len(digits) <= SURE_SIGNIFICANT_DIGITS and abs(number) >= _SMALLEST_NORMAL_DOUBLE:
        return True
    written = repr(number)
    return written == text or Decimal(written) == Decimal(text)


def _numeric_series(name: str, values: Sequence[JsonScalar], kinds: set[type]) -> pl.Series | None:
    """Create a column of integers, decimals and nulls; None where it would change one of them."""
    if IntegerText in kinds:
        values = [_short_integer(value) if type(value) is IntegerText else value for value in values]
        kinds = set(map(type, values)) - {NoneType}
    if IntegerText in kinds:
        return None
    if DecimalText not in kinds:
        return pl.Series(name, values, dtype=pl.Int64) if _are_within(values, _INT64) else None
    written = [
        value.text if type(value) is DecimalText else None if value is None else str(value)
        for value in values
    ]
    texts = pl.Series(name, written, dtype=pl.String)
    doubles = texts.cast(pl.Float64)
    # most columns have short decimals only, all of which a double holds
    is_long = texts.str.len_bytes() > SURE_SIGNIFICANT_DIGITS
    in_doubt = texts.filter(is_long | ~doubles.abs().is_between(*_SURE_SIZES)).unique()
    if not all(map(is_exact, in_doubt)) or (is_long.any() and not _are_within(values, _EXACT_INTEGERS)):
        return None
    return doubles


def _are_within(values: Sequence[JsonScalar], bounds: tuple[int, int]) -> bool:
    """Return whether all integers among the values are within bounds."""
    integers = [value for value in values if type(value) is int]
    return not integers or (min(integers) >= bounds[0] and max(integers) <= bounds[1])


def _short_integer(value: IntegerText) -> int | IntegerText:
    # Python refuses to convert integers of thousands of digits
    return int(value.text) if len(value.text) <= _MAX_INT64_LENGTH else value
