"""The quick way for XML records with the same tags around their values: columns are cut from the body."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.documents.errors import show_path
from flows.documents.record_search import find_records, walk_to_records
from flows.documents.xml_document import decode_xml
from flows.tabulation.column_names import element_path, name_columns
from flows.tabulation.record_columns import MAX_COLUMNS
from flows.tabulation.source_texts import MAX_TEXT, dealt, plain_texts, split_body, without
from flows.tabulation.table import QuickTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.tabulation.record_paths import Path

_HEAD_BYTES = 65_536
_DECLARATION = re.compile(rb"<\?xml[^>]*?encoding=[\"'](?!(?i:utf-8)[\"'])")
_START_TAG = re.compile(rb"<([A-Za-z_][^\s<>/&'\"]*)[^<>]*>")
_TAGS_AND_TEXT = re.compile(r"([^<>]*>)?((?:\s*<[^<>/!?]+>)*)([^<>]*)", re.DOTALL)
_ATTRIBUTE_VALUE = re.compile(r'="([^"<>&]*)"')
# what the parser would replace, or refuse, in a text; a bracket would be a tag of its own
_SPECIAL = b'<>&"'
_CLOSE = "</"
# no characters, yet UTF-8
_NO_CHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")


@dataclass(frozen=True, slots=True)
class _Piece:
    """What stands in every record from one end of an element to the next, around its values."""

    constants: tuple[str, ...]
    """Before the first value, between values, and so on; the last value ends the piece."""
    values: tuple[str, ...]
    """Those of the first record."""


def tabulate_stencilled_xml(body: bytes, records: Sequence[str] | None = None) -> QuickTable | None:
    """Tabulate elements that are written alike, down to the order of attributes and the white space.

    Returns:
        The table that the exact way gives, or None where this way cannot vouch for that.
    """
    if not body.startswith(b"<") or _DECLARATION.match(body) or any(map(body.__contains__, _NO_CHARACTERS)):
        return None
    place = _locate(body)
    if place is None or len(body) > MAX_TEXT:
        return None
    start, second, end = place
    first = body[start:second]
    closed = body.find(b"</" + _name(first) + b">", second)
    small = body[:closed] + body[end - len(_name(first)) - 3 :]
    try:
        document = decode_xml(small)
        found, path = (
            find_records(document) if records is None else (walk_to_records(document, records), records)
        )
        leaves = list(_leaves(found[0], ())) if len(found) == 2 else []
        pieces = _learn(first.decode())
    except ValueError:
        # the exact way finds out what is wrong, and tells the reader
        return None
    if pieces is None or not 0 < len(leaves) <= MAX_COLUMNS:
        return None
    if [value for _, value in leaves] != [value for piece in pieces for value in piece.values]:
        return None
    columns = _cut(body, place, pieces)
    if columns is None:
        return None
    names, findings = name_columns([element_path(path) for path, _ in leaves])
    series = [column.alias(name) for name, column in zip(names, columns, strict=True)]
    sources = tuple(path for path, _ in leaves)
    return QuickTable(pl.DataFrame(series), show_path(tuple(path)), tuple(findings), True, sources)


def _locate(body: bytes) -> tuple[int, int, int] | None:
    """Where the first record begins, the second, and where the last one ends."""
    for tag in _START_TAG.finditer(body, 0, _HEAD_BYTES):
        close = b"</" + tag[1] + b">"
        ended = body.find(close, tag.end(), tag.end() + _HEAD_BYTES)
        following = re.compile(rb"\s*<" + re.escape(tag[1]) + rb"[\s>]").match(body, ended + len(close))
        if ended >= 0 and following:
            second = body.index(b"<", ended + len(close))
            return tag.start(), second, body.rindex(close) + len(close)
    return None


def _name(element: bytes) -> bytes:
    return _START_TAG.match(element)[1]  # type: ignore[index]  # as it was found by this pattern


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, list):
        raise ValueError("a list is for the exact way")  # noqa: TRY004 - as other reasons to leave this way
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    else:
        yield path, value


def _learn(first: str) -> list[_Piece] | None:
    """Read the first record and the space behind it, piece by piece.

    The end of a record belongs to the first piece of the next one.
    """
    *inner, closing = first.split(_CLOSE)
    pieces: list[_Piece] = []
    for number, text in enumerate([closing + inner[0], *inner[1:]]):
        parts = _TAGS_AND_TEXT.fullmatch(text)
        if parts is None:
            return None
        tags = (parts[1] or "") + parts[2]
        values = _ATTRIBUTE_VALUE.findall(tags)
        constants = _ATTRIBUTE_VALUE.sub('="\x00"', tags).split("\x00")
        if parts[2]:
            # the text of an element without children
            values.append(parts[3])
        elif parts[3].strip() or not number:
            return None
        else:
            constants[-1] += parts[3]
        pieces.append(_Piece(tuple(constants), tuple(values)))
    return pieces


def _cut(body: bytes, place: tuple[int, int, int], pieces: list[_Piece]) -> list[pl.Series] | None:
    start, second, end = place
    before, behind = body.count(b"</", 0, start), body.count(b"</", end)
    found = split_body(body, _CLOSE)
    height, rest = divmod(len(found) - 1 - before - behind, len(pieces))
    if rest or height < 2:
        return None
    columns = dealt(found.slice(before, height * len(pieces)), len(pieces))
    # the first record is made to stand behind another
    opening = body[start:second].decode().split(_CLOSE)
    columns[0] = pl.Series([opening[-1] + opening[0]]).append(columns[0].slice(1))
    if found.item(before + height * len(pieces)) != _last_piece(body, end, opening[-1].rstrip()):
        return None
    cut: list[pl.Series] = []
    attributed: list[pl.Series] = []
    for column, piece in zip(columns, pieces, strict=True):
        values = _values(column, piece)
        if values is None:
            return None
        cut += values
        attributed += values if len(piece.constants) > 1 else []
    # an element with attributes has no text where that is white space
    if any((values.str.strip_chars() == "").any() for values in attributed):
        return None
    return cut if len(plain_texts(dict(enumerate(cut)), _SPECIAL)) == len(cut) else None


def _last_piece(body: bytes, end: int, name: str) -> str:
    tail = body[end:]
    return name + tail.split(b"</")[0].decode()


def _values(column: pl.Series, piece: _Piece) -> list[pl.Series] | None:
    """The columns of a piece's values, without what is constant."""
    if not piece.values:
        return [] if (column == piece.constants[0]).all() else None
    (left,) = without([column], [(piece.constants[0], "")])
    values: list[pl.Series] = []
    for constant in piece.constants[1:]:
        parts = None if left is None else left.str.split(constant)
        if parts is None or not (parts.list.len() == 2).all():
            return None
        value, left = dealt(parts.explode(), 2)
        values.append(value)
    if left is None:
        return None
    return [*values, left]
