"""Columns of JSON values as written in the source to typed columns, without an object for each value."""

from __future__ import annotations

import functools
import operator
import re
from typing import TYPE_CHECKING

import polars as pl

from flows.documents.errors import DocumentError
from flows.documents.json_document import decode_json
from flows.tabulation.column_types import typed_series

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TEXT = 2**31 - 1
"""More does not fit into one value of a column."""
_FIRST_PRINTABLE = b" "[0]
# fewer digits than make a 64-bit integer, or a double, lose any; no -0, which has a sign as a decimal alone
_INTEGER = r"^(?:0|-?[1-9][0-9]{0,17})$"
_DECIMAL = r"^-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,7})?$"
_LINES = {pattern: f"^(?:{pattern[1:-1]}\n)*$" for pattern in (_INTEGER, _DECIMAL)}
_NEGATIVE_ZERO = "-0"
_FORETASTE = 10
_PART_BYTES = 500_000


def split_body(body: bytes, separator: str) -> pl.Series:
    """The pieces of a body; none where it is not UTF-8."""
    # as a few large parts it is split in three quarters of the time
    begins, sizes = _parts(body, separator.encode())
    parts = pl.Series([body])
    if len(begins) > 1:
        frame = pl.DataFrame([parts.new_from_index(0, len(begins)), begins, sizes], ["body", "begin", "size"])
        parts = frame.select(pl.col("body").bin.slice(pl.col("begin"), pl.col("size"))).to_series()
    try:
        return parts.cast(pl.String).str.split(separator).explode()
    except pl.exceptions.ComputeError:
        return pl.Series(dtype=pl.String)


def _parts(body: bytes, separator: bytes) -> tuple[pl.Series, pl.Series]:
    """Where large parts of a body begin, and their sizes; between two of them is a separator."""
    begins, sizes = [0], []
    # where two of them may overlap, it depends on the beginning which of them counts
    may_cut = not any(separator.startswith(separator[n:]) for n in range(1, len(separator)))
    while may_cut and (end := body.find(separator, begins[-1] + _PART_BYTES)) >= 0:
        sizes.append(end - begins[-1])
        begins.append(end + len(separator))
    sizes.append(len(body) - begins[-1])
    return pl.Series(begins), pl.Series(sizes)


def dealt(pieces: pl.Series, turns: int) -> list[pl.Series]:
    """The pieces as columns, one each in turn."""
    # all columns in one call, for a call costs as much as a thousand values
    every = (pl.col("pieces").gather_every(turns, turn).alias(str(turn)) for turn in range(turns))
    return pl.DataFrame([pieces.alias("pieces")]).select(every).get_columns()


def typed_columns(
    names: Sequence[str], columns: Sequence[pl.Series], around: Sequence[tuple[str, str]]
) -> list[pl.Series] | None:
    """Type columns of pieces of a JSON document, each piece a scalar between two texts.

    Args:
        names: Of the columns.
        columns: As many, equally long and not empty.
        around: What begins and ends every piece of each column.

    Returns:
        What `typed_series` gives for the values, or None where a piece is anything else.
    """
    quoted = [(f'{beginning}"', f'"{ending}') for beginning, ending in around]
    is_text = [
        column.item(0).startswith(opening) for column, (opening, _) in zip(columns, quoted, strict=True)
    ]
    inner = without(columns, [quoted[n] if is_text[n] else around[n] for n in range(len(columns))])
    found = {n: column for n, column in enumerate(inner) if column is not None}
    typed = plain_texts({n: column for n, column in found.items() if is_text[n]})
    typed |= _numbers({n: column for n, column in found.items() if not is_text[n]})
    series: list[pl.Series] = []
    for n, name in enumerate(names):
        column = typed.get(n)
        if column is None:
            (sources,) = without([columns[n]], [around[n]])
            column = None if sources is None else _typed_of_any(sources)
        if column is None:
            return None
        series.append(column.alias(name))
    return series


def without(columns: Sequence[pl.Series], around: Sequence[tuple[str, str]]) -> list[pl.Series | None]:
    """The texts without what is around them, None for a column in which one lacks that; null stays null."""
    # all columns in one call each time, for its price
    frame = _frame(dict(enumerate(columns)))
    inner = frame.select(
        _stripped(pl.col(name), beginning, ending)
        for name, (beginning, ending) in zip(frame.columns, around, strict=True)
    )
    taken = zip(_sizes(frame), _sizes(inner), strict=True)
    return [
        # all or nothing is taken off each, so that the sum is right only where every text had both
        text
        if before - after == (len(text) - text.null_count()) * len((beginning + ending).encode())
        else None
        for text, (before, after), (beginning, ending) in zip(inner, taken, around, strict=True)
    ]


def plain_texts(columns: dict[int, pl.Series], special: bytes = b'"\\') -> dict[int, pl.Series]:
    """Those columns whose texts mean what they are: no special and no control characters in them."""
    frame = _frame(columns)
    plain: dict[int, pl.Series] = {}
    for (n, column), codes in zip(columns.items(), _codes(frame), strict=True):
        # comparisons are quicker than a search in a list
        is_special = functools.reduce(
            operator.or_, [codes == code for code in special], codes < _FIRST_PRINTABLE
        )
        if not is_special.any():
            plain[n] = column
    return plain


def _numbers(columns: dict[int, pl.Series]) -> dict[int, pl.Series]:
    """Those columns whose texts are numbers short enough to lose nothing, as numbers."""
    integers = {n: column for n, column in columns.items() if _is_like(_INTEGER, column)}
    integers = {n: integers[n] for n in _all_match(_INTEGER, integers)}
    decimals = {
        n: column for n, column in columns.items() if n not in integers and _is_like(_DECIMAL, column)
    }
    decimals = {n: decimals[n] for n in _all_match(_DECIMAL, decimals)}
    typed = {n: column.cast(pl.Int64, strict=False) for n, column in integers.items()}
    for n, column in decimals.items():
        if not (column == _NEGATIVE_ZERO).any():
            typed[n] = column.cast(pl.Float64, strict=False)
    # a text of several lines looked like as many numbers
    return {n: numbers for n, numbers in typed.items() if numbers.null_count() == columns[n].null_count()}


def _is_like(pattern: str, column: pl.Series) -> bool:
    """Whether a few first values match, which saves looking at all of what is no number."""
    return all(re.search(pattern, text) for text in column.head(_FORETASTE) if text is not None)


def _all_match(pattern: str, columns: dict[int, pl.Series]) -> list[int]:
    if not columns:
        return []
    # one long text is searched in half the time that as many short ones take
    lines = pl.all().str.join("\n") + "\n"
    matches = _frame(columns).select(lines.str.contains(_LINES[pattern])).row(0)
    return [n for n, all_match in zip(columns, matches, strict=True) if all_match]


def _typed_of_any(sources: pl.Series) -> pl.Series | None:
    is_null = sources == "null"
    known = sources.set(is_null, None) if is_null.any() else sources
    if known.null_count() == len(known):
        return known
    typed = _numbers({0: known})
    if not typed:
        (texts,) = without([known], [('"', '"')])
        typed = {} if texts is None else plain_texts({0: texts})
    return typed[0] if typed else _decoded(sources)


def _decoded(sources: pl.Series) -> pl.Series | None:
    """The column as the exact way makes it, of values decoded one by one."""
    (codes,) = _codes(_frame({0: sources}))
    if (codes < _FIRST_PRINTABLE).any():
        return None
    # a text that goes on behind its piece would hold the line break, which is not JSON
    lines = sources.str.join(",\n").item()
    try:
        values = decode_json(f"[{lines}]".encode())
    except DocumentError:
        return None
    if not isinstance(values, list) or len(values) != len(sources):
        return None
    return None if {dict, list} & set(map(type, values)) else typed_series("", values)


def _frame(columns: dict[int, pl.Series]) -> pl.DataFrame:
    return pl.DataFrame([column.alias(str(n)) for n, column in columns.items()])


def _sizes(frame: pl.DataFrame) -> tuple[int, ...]:
    return frame.select(pl.all().str.len_bytes().sum()).row(0)


def _stripped(texts: pl.Expr, beginning: str, ending: str) -> pl.Expr:
    # taking off nothing would still copy every text
    texts = texts.str.strip_suffix(ending) if ending else texts
    return texts.str.strip_prefix(beginning) if beginning else texts


def _codes(frame: pl.DataFrame) -> list[pl.Series]:
    """The bytes of all texts of each column."""
    if not frame.width:
        return []
    sizes = dict(zip(frame.columns, _sizes(frame), strict=True))
    arrays = frame.select(
        pl.col(name).str.join("").cast(pl.Binary).bin.reinterpret(dtype=pl.Array(pl.UInt8, size))
        for name, size in sizes.items()
        # there are no arrays of nothing
        if size
    )
    nothing = pl.Series(dtype=pl.UInt8)
    return [arrays[name].explode() if size else nothing for name, size in sizes.items()]
