"""The quick way for large lists of records that are all alike, through a decoder made for their shape.

It accepts a document only where its result is that of the exact way; whatever is unusual, or cannot be
told apart from something unusual, is left to that.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.documents.errors import show_path
from flows.tabulation.column_names import element_path, name_columns
from flows.tabulation.kept_lists import finding_on_kept_lists
from flows.tabulation.record_columns import MAX_PADDING
from flows.tabulation.record_decoder import decoder_for
from flows.tabulation.record_shapes import MAX_RECORD_DEPTH, SAMPLE_BYTES, learn_shape
from flows.tabulation.repeated_rows import RepeatedRows, repeat_rows
from flows.tabulation.table import QuickTable
from flows.tabulation.typed_leaves import numbers_fit_doubles, type_leaf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.tabulation.record_decoder import RecordDecoder
    from flows.tabulation.record_paths import Path
    from flows.tabulation.record_shapes import Leaves, Shape
    from flows.tabulation.typed_leaves import TypedLeaf

_WRAPPERS = re.compile(rb'\s*(?:\{\s*"[^"\\]*"\s*:\s*)*\[')
_WRAPPER_KEY = re.compile(rb'"([^"\\]*)"')


def tabulate_uniform_records(
    body: bytes, records: Sequence[str] | None = None, *, keeps_all_lists: bool = False
) -> QuickTable | None:
    """Tabulate a list of objects that have, key by key, the same types; their own keys may be missing.

    Args:
        body: The payload.
        records: Where the list is said to be.
        keeps_all_lists: Explode none, not even an only list of objects.

    Returns:
        The table that the exact way gives, or None where this way cannot vouch for that.
    """
    opening = _WRAPPERS.match(body, 0, SAMPLE_BYTES)
    if opening is None:
        return None
    try:
        wrappers = tuple(key.decode() for key in _WRAPPER_KEY.findall(opening[0]))
        if len(wrappers) > MAX_RECORD_DEPTH or (records is not None and tuple(records) != wrappers):
            return None
        sample = body[opening.end() : opening.end() + SAMPLE_BYTES]
        shape = learn_shape(sample, keeps_all_lists=keeps_all_lists)
        if shape is None or not numbers_fit_doubles(body):
            return None
        decoder = decoder_for(wrappers, shape)
        rows = functools.reduce(getattr, ["f0"] * len(wrappers), decoder.document.decode(body))
        typed = _type_rows(rows, shape, decoder, body.count(b'"') - 2 * len(wrappers), len(wrappers))
    except (ValueError, RecursionError):
        # not such a document after all, or not JSON: the exact way finds out, and tells the reader
        return None
    if typed is None:
        return None
    leaves = typed.leaves
    with_objects = [leaf for leaf in leaves if leaf.holds_objects]
    if shape.exploded is None and len(with_objects) == 1 and not keeps_all_lists:
        # further down, an only list of objects came up after all
        return None
    names, findings = name_columns([element_path(leaf.path) for leaf in leaves])
    if with_objects:
        kept = [name for name, leaf in zip(names, leaves, strict=True) if leaf.holds_objects]
        findings.append(finding_on_kept_lists(kept))
    series = [leaf.series.alias(name) for name, leaf in zip(names, leaves, strict=True)]
    return QuickTable(
        pl.DataFrame(series),
        show_path(wrappers),
        tuple(findings),
        sources=tuple(shape.sources()),
        repeated_characters=typed.characters,
    )


def _type_rows(
    rows: list[Any], shape: Shape, decoder: RecordDecoder, quotes: int, depth: int
) -> RepeatedRows | None:
    """The columns of decoded records in order, where no key stands twice: that would be more quotes."""
    values = dict(zip((path for path, _ in shape.leaves), decoder.values_of_leaves(rows), strict=True))
    if len(values) * len(rows) > MAX_PADDING:
        return None
    own = [leaf for leaf in shape.leaves if leaf[0] != shape.exploded]
    leaves = _type_leaves(own, [values[path] for path, _ in own], (), depth + 1)
    quotes -= _quotes_of_keys(shape.leaves, len(rows))
    if shape.exploded is None:
        if leaves is None or quotes != sum(leaf.quotes for leaf in leaves):
            return None
        return RepeatedRows(leaves)
    if leaves is None or any(leaf.holds_objects for leaf in leaves):
        return None
    lists = [found or () for found in values[shape.exploded]]
    quotes += 2 * values[shape.exploded].count(None)
    items = list(itertools.chain.from_iterable(lists))
    inner = _type_leaves(
        shape.items, decoder.values_of_items(items), shape.exploded, depth + 2 + len(shape.exploded)
    )
    quotes -= _quotes_of_keys(shape.items, len(items))
    if inner is None or quotes != sum(leaf.quotes for leaf in [*leaves, *inner]):
        return None
    place = [path for path, _ in shape.leaves].index(shape.exploded)
    return repeat_rows(leaves[:place], inner, leaves[place:], [len(found) for found in lists])


def _type_leaves(
    leaves: Sequence[tuple[Path, frozenset[type]]], values: Sequence[list[Any]], above: Path, depth: int
) -> list[TypedLeaf] | None:
    typed: list[TypedLeaf] = []
    for (path, kinds), column in zip(leaves, values, strict=True):
        leaf = type_leaf((*above, *path), kinds, column, depth + len(path))
        if leaf is None:
            return None
        typed.append(leaf)
    return typed


def _quotes_of_keys(leaves: Leaves, objects: int) -> int:
    """Those in objects that lack none of the keys, nor have one twice."""
    return 2 * objects * len({path[:end] for path, _ in leaves for end in range(1, len(path) + 1)})
