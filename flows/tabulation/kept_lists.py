"""Lists that stay in their column: their compact JSON text, cut from the body where it is written so."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from flows.documents.errors import DocumentError
from flows.documents.json_document import compact_json, decode_json
from flows.tabulation.table import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ENCODER = msgspec.json.Encoder()
_FLAT_LISTS = msgspec.json.Decoder(
    list[list[dict[str, str | int | float | bool | None] | str | int | float | bool | None]]
)


@dataclass(frozen=True, slots=True)
class KeptLists:
    """A column of lists."""

    texts: list[str | None]
    quotes: int
    """In all of the lists as they were written."""
    hold_objects: bool


def keep_lists(sources: Sequence[Any], levels: int) -> KeptLists | None:
    """The texts of lists, as `compact_json` writes them.

    Args:
        sources: As written in a body, each a buffer with a JSON value in it; None for none.
        levels: How deep in their document they stand, for what is nested too deeply is refused.

    Returns:
        None where one is no list, or no JSON.
    """
    written = [source for source in sources if source is not None]
    joined = b",".join(written)
    lists = _compact_lists(b"[%b]" % joined)
    if lists is not None:
        texts = iter([str(source, "utf-8") for source in written])
    else:
        lists = _any_lists(joined, levels)
        texts = iter([compact_json(value) for value in lists or ()])
    if lists is None or len(lists) != len(written):
        return None
    return KeptLists(
        [None if source is None else next(texts) for source in sources],
        joined.count(b'"'),
        dict in set(map(type, itertools.chain.from_iterable(lists))),
    )


def finding_on_kept_lists(names: Iterable[str]) -> Finding:
    """What a reader should know of columns in which lists of objects stay."""
    message = f"lists of objects are kept as JSON text in {', '.join(names)}; name one under explode for rows"
    return Finding("info", "nested-lists-kept", message)


def _compact_lists(text: bytes) -> list[list[Any]] | None:
    """Decode lists of scalars and of objects of scalars, where writing them again gives the same text.

    So there are no white space, no key twice in an object, and no number written in its own way. There
    are no escapes either, of which some would have to be written otherwise.
    """
    if b"\\" in text:
        return None
    try:
        lists = _FLAT_LISTS.decode(text)
    except (ValueError, RecursionError):
        return None
    return lists if _ENCODER.encode(lists) == text else None


def _any_lists(text: bytes, levels: int) -> list[list[Any]] | None:
    """Decode lists that stand at a depth, with numbers as in the source."""
    try:
        document: Any = decode_json(b"[" * levels + text + b"]" * levels)
    except DocumentError:
        return None
    for _ in range(levels - 1):
        (document,) = document
    return None if set(map(type, document)) - {list} else document
