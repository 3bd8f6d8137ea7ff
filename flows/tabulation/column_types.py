"""The type of a column, from all of its values."""

from __future__ import annotations

import math
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.documents.json_document import DecimalText, IntegerText, source_text

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_EXACT_INTEGER = 2**53
"""Up to here every integer is a double of its own."""
MAX_INTEGER = 2**63 - 1
SURE_SIGNIFICANT_DIGITS = 15
"""A double of the ordinary range gives so many back as they were written."""

_SHORTEST_IN_DOUBT = SURE_SIGNIFICANT_DIGITS + 1
_SMALLEST_OF_ORDINARY_RANGE = 2.3e-308
_INT64_LONGEST_TEXT = 20


def typed_series(name: str, values: Sequence[str | int | bool | None]) -> pl.Series:
    """Give a column the narrowest type that holds each of its values exactly.

    Integers are Int64; with decimals among them Float64; all true/false Boolean. Everything else is
    String, each value as written in the source: texts (never parsed), mixtures, integers beyond 64
    bits, integers beyond 2**53 among decimals, and decimals that a double does not give back: such as
    12345678901234.567, of which it would make 12345678901234.566, or what is beyond its range.
    """
    kinds = set(map(type, values)) - {NoneType}
    if kinds == {int}:
        integers = [value for value in values if isinstance(value, int)]
        low, high = min(integers), max(integers)
        if low >= -MAX_INTEGER - 1 and high <= MAX_INTEGER:
            return pl.Series(name, values, dtype=pl.Int64)
    if int in kinds:
        # beside others, or beyond 64 bits: the text tells what to make of it
        values = [IntegerText(value) if type(value) is int else value for value in values]
    return _series_of_texts(name, values)


def _series_of_texts(name: str, values: Sequence[Any]) -> pl.Series:
    kinds = set(map(type, values)) - {NoneType}
    series: pl.Series | None = None
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds == {IntegerText}:
        series = _integer_series(name, values)
    elif kinds and kinds <= {IntegerText, DecimalText}:
        series = _decimal_series(name, values)
    if series is not None:
        return series
    texts = values if kinds <= {str} else [None if value is None else source_text(value) for value in values]
    return pl.Series(name, texts, dtype=pl.String)


def _integer_series(name: str, values: Sequence[str | bool | None]) -> pl.Series | None:
    integers: list[int | None] = []
    for text in values:
        if text is None:
            integers.append(None)
            continue
        # Python refuses to convert integers of thousands of digits
        if not isinstance(text, str) or len(text) > _INT64_LONGEST_TEXT:
            return None
        integer = int(text)
        if not -MAX_INTEGER - 1 <= integer <= MAX_INTEGER:
            return None
        integers.append(integer)
    return pl.Series(name, integers, dtype=pl.Int64)


def _decimal_series(name: str, values: Sequence[str | bool | None]) -> pl.Series | None:
    decimals: list[float | None] = []
    for text in values:
        if text is None:
            decimals.append(None)
            continue
        if not isinstance(text, str):
            return None
        number = float(text)
        if len(text) >= _SHORTEST_IN_DOUBT or abs(number) < _SMALLEST_OF_ORDINARY_RANGE:
            if not _is_held_by_double(text, number):
                return None
            # an integer has no negative zero
            number = number + 0.0 if isinstance(text, IntegerText) else number
        elif math.isinf(number):
            return None
        decimals.append(number)
    return pl.Series(name, decimals, dtype=pl.Float64)


def _is_held_by_double(text: str, number: float) -> bool:
    if math.isinf(number):
        return False
    if isinstance(text, IntegerText):
        return abs(number) <= MAX_EXACT_INTEGER and int(number) == int(text)
    mantissa = text.lower().partition("e")[0]
    digits = mantissa.replace("-", "").replace(".", "").strip("0")
    if number == 0.0:
        return not digits
    if len(digits) <= SURE_SIGNIFICANT_DIGITS and abs(number) >= _SMALLEST_OF_ORDINARY_RANGE:
        return True
    return gives_back(text, number)


def gives_back(text: str, number: float) -> bool:
    """Whether a double is written with the value that it was read from."""
    written = repr(number)
    return written == text or Decimal(written) == Decimal(text)
