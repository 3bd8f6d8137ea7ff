"""Columns of JSON values as written in the source to typed columns, without an object for each value."""

from __future__ import annotations

import polars as pl

from flows.documents.errors import PayloadError
from flows.documents.json_document import decode_json
from flows.tabulation.column_types import typed_series

_QUOTE, _BACKSLASH, _FIRST_PRINTABLE = b'"'[0], b"\\"[0], b" "[0]
# fewer digits than make a 64-bit integer, or a double, lose any; no -0, which has a sign as a decimal alone
_INTEGER = r"^(?:0|-?[1-9][0-9]{0,17})$"
_DECIMAL = r"^-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,7})?$"
_NEGATIVE_ZERO = "-0"
_FORETASTE = 100
MAX_TEXT = 2**31 - 1
"""More does not fit into one value of a column."""


def split_body(body: bytes, separator: str) -> pl.Series:
    """The pieces of a body; none where it is not UTF-8."""
    try:
        return pl.Series([body]).cast(pl.String).str.split(separator).explode()
    except pl.exceptions.ComputeError:
        return pl.Series(dtype=pl.String)


def series_of_pieces(name: str, pieces: pl.Series, beginning: str = "", ending: str = "") -> pl.Series | None:
    """Type a column of pieces of a JSON document, each a scalar between the same two texts.

    Returns:
        What `typed_series` gives for the values, or None where a piece is anything else.
    """
    opening, closing = f'{beginning}"', f'"{ending}'
    if pieces.item(0).startswith(opening):
        texts = without(pieces, opening, closing)
        if texts is not None and _is_plain(texts):
            return texts.alias(name)
    sources = without(pieces, beginning, ending)
    if sources is None:
        return None
    return _series_of_sources(name, sources)


def without(texts: pl.Series, beginning: str, ending: str) -> pl.Series | None:
    """The texts without a beginning and an ending, or None where one lacks them; null stays null."""
    inner = texts.str.strip_suffix(ending) if ending else texts
    inner = inner.str.strip_prefix(beginning) if beginning else inner
    expected = (len(texts) - texts.null_count()) * len((beginning + ending).encode())
    # all or nothing is taken off each, so that the sum is right only where every text had both
    return inner if _size(texts) - _size(inner) == expected else None


def _series_of_sources(name: str, sources: pl.Series) -> pl.Series | None:
    is_null = sources == "null"
    known = sources.set(is_null, None) if is_null.any() else sources
    if known.null_count() == len(known):
        return known.alias(name)
    numbers = _numbers(known)
    if numbers is not None:
        return numbers.alias(name)
    texts = without(known, '"', '"')
    if texts is not None and _is_plain(texts):
        return texts.alias(name)
    return _series_of_any(name, sources)


def _numbers(sources: pl.Series) -> pl.Series | None:
    foretaste = sources.head(_FORETASTE)
    if not foretaste.str.contains(_DECIMAL).all():
        return None
    if foretaste.str.contains(_INTEGER).all() and sources.str.contains(_INTEGER).all():
        return sources.cast(pl.Int64)
    if sources.str.contains(_DECIMAL).all() and not (sources == _NEGATIVE_ZERO).any():
        return sources.cast(pl.Float64)
    return None


def _series_of_any(name: str, sources: pl.Series) -> pl.Series | None:
    """The column as the exact way makes it, of values decoded one by one."""
    if (_codes(sources) < _FIRST_PRINTABLE).any():
        return None
    # a text that goes on behind its piece would hold the line break, which is not JSON
    lines = sources.str.join(",\n").item()
    try:
        values = decode_json(f"[{lines}]".encode())
    except PayloadError:
        return None
    if not isinstance(values, list) or len(values) != len(sources):
        return None
    return None if {dict, list} & set(map(type, values)) else typed_series(name, values)


def _is_plain(texts: pl.Series) -> bool:
    """Whether texts between quotes mean what they are: no quotes, escapes or control characters."""
    codes = _codes(texts)
    is_special = (codes < _FIRST_PRINTABLE) | (codes == _QUOTE) | (codes == _BACKSLASH)
    return not is_special.any()


def _codes(texts: pl.Series) -> pl.Series:
    """The bytes of all texts."""
    joined = texts.str.join("").cast(pl.Binary)
    size = joined.bin.size().item()
    return (
        joined.bin.reinterpret(dtype=pl.Array(pl.UInt8, size)).explode()
        if size
        else pl.Series(dtype=pl.UInt8)
    )


def _size(texts: pl.Series) -> int:
    return int(texts.str.len_bytes().sum())
