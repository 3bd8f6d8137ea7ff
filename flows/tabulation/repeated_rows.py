"""Columns of records next to those of the items of their lists: the records' rows repeat, item by item."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from flows.tabulation.record_columns import MAX_PADDING, MAX_REPEATED_CHARACTERS
from flows.tabulation.typed_leaves import MAX_NUMBER_LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.tabulation.typed_leaves import TypedLeaf


@dataclass(frozen=True, slots=True)
class RepeatedRows:
    """Columns in order, and how many characters of them were repeated at most."""

    leaves: list[TypedLeaf]
    characters: int = 0


def repeat_rows(
    before: Sequence[TypedLeaf],
    items: Sequence[TypedLeaf],
    behind: Sequence[TypedLeaf],
    lengths: Sequence[int],
) -> RepeatedRows | None:
    """Join the columns of records and those of the items in their lists.

    Args:
        before: Columns of the records, in front of those of the items.
        items: Columns of the items of all records.
        behind: Columns of the records, behind those of the items.
        lengths: How many items each record has; one without any keeps a row, empty in their columns.

    Returns:
        The columns, or None where the exact way may refuse so much repetition or emptiness.
    """
    height = sum(length or 1 for length in lengths)
    # the list itself is a column for the time being, where it is empty
    width = len(before) + len(items) + len(behind) + 1
    if width * height > MAX_PADDING:
        return None
    characters = _repeated_characters([*before, *behind], lengths)
    if characters > MAX_REPEATED_CHARACTERS:
        return None
    record_of_row = pl.Series(
        itertools.chain.from_iterable(
            itertools.repeat(record, length or 1) for record, length in enumerate(lengths)
        ),
        dtype=pl.UInt32,
    )
    if 0 in lengths:
        numbers = itertools.count()
        item_of_row = pl.Series(
            [
                next(numbers) if length else None
                for length in lengths
                for _ in itertools.repeat(None, length or 1)
            ],
            dtype=pl.UInt32,
        )
        items = _gathered(items, item_of_row)
    leaves = [*_gathered(before, record_of_row), *items, *_gathered(behind, record_of_row)]
    return RepeatedRows(leaves, characters)


def _repeated_characters(leaves: Sequence[TypedLeaf], lengths: Sequence[int]) -> int:
    """No fewer than `write_columns` would count."""
    times = pl.Series([max(length - 1, 0) for length in lengths], dtype=pl.Int64)
    texts = [leaf.series for leaf in leaves if leaf.series.dtype == pl.String]
    of_numbers = (len(leaves) - len(texts)) * MAX_NUMBER_LENGTH * int(times.sum())
    return of_numbers + sum(int((series.str.len_bytes().cast(pl.Int64) * times).sum()) for series in texts)


def _gathered(leaves: Sequence[TypedLeaf], rows: pl.Series) -> list[TypedLeaf]:
    # all in one call, for a call costs as much as a thousand values
    frame = pl.DataFrame([leaf.series.alias(str(n)) for n, leaf in enumerate(leaves)])
    gathered = frame.select(pl.all().gather(rows))
    return [replace(leaf, series=series) for leaf, series in zip(leaves, gathered, strict=True)]
