"""Numbers in columns of text, for files that have types; the text itself stays what is stored as CSV."""

from __future__ import annotations

import polars as pl

from flows.tabulation.column_types import SURE_SIGNIFICANT_DIGITS, is_exact

# no leading zeros: 007 is a name, not a number
_INTEGER = r"^-?(?:0|[1-9][0-9]*)$"
# programs write an exponent after a decimal point or with its sign, as 1.0E2 or 1e+02; 1E2 is a name
_DECIMAL = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-][0-9]+)?$"
# whose exponent may be beyond the range in which a double gives all digits back
_FAR_EXPONENT = r"[eE]-?[0-9]{3}"


def read_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns of text in which every value is a number of the same kind become Int64 or Float64.

    A column stays text where it has no value, a number with a leading zero, an integer beyond 64 bits,
    an exponent with neither a sign nor a decimal point before it (`1E2`), or a decimal that a double does
    not give back as it was written. No value depends on the others, so that an identifier such as `1E2` makes
    its column text on every date on which it occurs.
    """
    return frame.with_columns([_typed(series) for series in frame.get_columns() if series.dtype == pl.String])


def _typed(series: pl.Series) -> pl.Series:
    values = series.drop_nulls()
    if values.is_empty():
        return series
    if values.str.contains(_INTEGER).all():
        integers = values.str.to_integer(strict=False)
        return series if integers.null_count() else series.str.to_integer()
    if not values.str.contains(_DECIMAL).all():
        return series
    digits = values.str.replace(r"[eE].*$", "").str.replace_all(r"[-.]", "").str.strip_chars("0")
    numbers = series.cast(pl.Float64, strict=False)
    if numbers.null_count() != series.null_count() or not numbers.is_finite().all():
        return series
    in_doubt = values.filter(
        (digits.str.len_bytes() > SURE_SIGNIFICANT_DIGITS) | values.str.contains(_FAR_EXPONENT)
    )
    return numbers if all(map(is_exact, in_doubt)) else series
