"""Where in a JSON body the list of its records stands, found without decoding the list."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.documents.errors import DocumentError
from flows.documents.json_document import decode_json
from flows.documents.record_search import find_records, walk_to_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.documents.json_document import JsonValue

_HEAD_BYTES = 65_536
_WRAPPERS = re.compile(rb'\s*(?:\{\s*"[^"\\]*"\s*:\s*)*\[')
_TOP_LIST = re.compile(rb"\s*\[")
# a number that no record is
_STAND_IN = b"8018765432101234567890"
_TRIED_ENDS = 4


@dataclass(frozen=True, slots=True)
class ListInBody:
    """The place of a list between its brackets, and the document around it."""

    start: int
    end: int
    path: tuple[str, ...]
    surroundings: JsonValue
    """The document with another, short list in its place."""


def locate_list(body: bytes, path: Sequence[str] | None) -> ListInBody | None:
    """Find the list of records: at a path, or (None) where the records of any document are.

    Returns:
        The place, or None where it is not easily found. All around it is sound JSON; the list itself
        may still be anything.
    """
    opening = _opening(path).search(body, 0, _HEAD_BYTES)
    if opening is None:
        return None
    start, end = opening.end(), len(body)
    for _ in range(_TRIED_ENDS):
        end = body.rfind(b"]", max(start, len(body) - _HEAD_BYTES), end)
        if end < 0:
            return None
        surroundings = body[:start] + _STAND_IN + body[end:]
        if surroundings.count(_STAND_IN) > 1:
            return None
        try:
            document = decode_json(surroundings)
            found, found_at = (
                find_records(document) if path is None else (walk_to_records(document, path), path)
            )
        except DocumentError:
            continue
        # within a text the number would be no item
        if [str(item) for item in found] == [_STAND_IN.decode()] and type(found[0]) is not str:
            return ListInBody(start, end, tuple(found_at), document)
    return None


def _opening(path: Sequence[str] | None) -> re.Pattern[bytes]:
    if path is None:
        return _ANCHORED_WRAPPERS
    if not path:
        return _ANCHORED_TOP_LIST
    return re.compile(re.escape(json.dumps(path[-1], ensure_ascii=False).encode()) + rb"\s*:\s*\[")


_ANCHORED_WRAPPERS = re.compile(rb"\A" + _WRAPPERS.pattern)
_ANCHORED_TOP_LIST = re.compile(rb"\A" + _TOP_LIST.pattern)
