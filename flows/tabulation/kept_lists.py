"""Lists that stay in their column: their compact JSON text, cut from the body where it is written so."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from flows.documents.errors import PayloadError
from flows.documents.json_document import compact_json, decode_json
from flows.tabulation.table import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# line breaks and tabs in a text are escaped
_NEVER_COMPACT = (b"\\", b"\n", b"\t", b"\r")
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
    is_compact = _is_compact(joined)
    lists = (_flat_lists(joined) if is_compact else None) or _any_lists(joined, levels)
    if lists is None or len(lists) != len(written):
        return None
    texts = iter(
        [str(source, "utf-8") for source in written]
        if is_compact
        else [compact_json(value) for value in lists]
    )
    return KeptLists(
        [None if source is None else next(texts) for source in sources],
        joined.count(b'"'),
        dict in set(map(type, itertools.chain.from_iterable(lists))),
    )


def finding_on_kept_lists(names: Iterable[str]) -> Finding:
    """What a reader should know of columns in which lists of objects stay."""
    message = f"lists of objects are kept as JSON text in {', '.join(names)}; name one under explode for rows"
    return Finding("info", "nested-lists-kept", message)


def _is_compact(text: bytes) -> bool:
    """Whether sound JSON has no escapes, and no white space but in its texts."""
    if any(special in text for special in _NEVER_COMPACT):
        return False
    first, *others = text.split(b" ")
    # a space is in a text where an odd number of quotes is before it
    return not others or (
        first.count(b'"') % 2 == 1 and not any(piece.count(b'"') % 2 for piece in others[:-1])
    )


def _flat_lists(text: bytes) -> list[list[Any]] | None:
    """Decode compact lists of scalars and of objects of scalars, where no object has a key twice."""
    try:
        lists = _FLAT_LISTS.decode(b"[" + text + b"]")
    except (ValueError, RecursionError):
        return None
    keys = sum(len(item) for items in lists for item in items if type(item) is dict)
    # a key that stands twice is one key less, and a text that begins with a colon looks like one more
    return lists if text.count(b'":') == keys else None


def _any_lists(text: bytes, levels: int) -> list[list[Any]] | None:
    """Decode lists that stand at a depth, with numbers as in the source."""
    try:
        document: Any = decode_json(b"[" * levels + text + b"]" * levels)
    except PayloadError:
        return None
    for _ in range(levels - 1):
        (document,) = document
    return None if set(map(type, document)) - {list} else document
