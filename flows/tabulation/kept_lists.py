"""Lists that stay in their column: their compact JSON text, cut from the body where it is written so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.documents.errors import PayloadError
from flows.documents.json_document import compact_json, decode_json
from flows.tabulation.table import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SPACES = (b" ", b"\n", b"\t", b"\r")


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
    try:
        document: Any = decode_json(b"[" * levels + joined + b"]" * levels)
    except PayloadError:
        return None
    for _ in range(levels - 1):
        (document,) = document
    if len(document) != len(written) or set(map(type, document)) - {list}:
        return None
    texts = iter(
        [str(source, "utf-8") for source in written]
        if _is_compact(joined)
        else [compact_json(value) for value in document]
    )
    return KeptLists(
        [None if source is None else next(texts) for source in sources],
        joined.count(b'"'),
        any(type(item) is dict for value in document for item in value),
    )


def finding_on_kept_lists(names: Iterable[str]) -> Finding:
    """What a reader should know of columns in which lists of objects stay."""
    message = f"lists of objects are kept as JSON text in {', '.join(names)}; name one under explode for rows"
    return Finding("info", "nested-lists-kept", message)


def _is_compact(text: bytes) -> bool:
    """Whether sound JSON has no escapes and no white space but in its texts."""
    if b"\\" in text:
        return False
    if not any(space in text for space in _SPACES):
        return True
    outside = b"".join(text.split(b'"')[::2])
    return not any(space in outside for space in _SPACES)
