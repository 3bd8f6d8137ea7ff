"""The quickest way, for records with the same text around their values: columns are cut from the body.

Everything between the values is compared with the first record's, and every value is looked at, so that no
byte of the document goes unread; where one is not as expected, another way has to tell what it means.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.documents.errors import show_path
from flows.documents.json_document import decode_json
from flows.tabulation.column_names import element_path, name_columns
from flows.tabulation.list_in_body import ListInBody, locate_list
from flows.tabulation.record_columns import MAX_COLUMNS
from flows.tabulation.source_texts import MAX_TEXT, dealt, split_body, typed_columns
from flows.tabulation.table import QuickTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.tabulation.record_paths import Path

_SAMPLE_BYTES = 65_536
_MAX_DEPTH = 20
_SPACE = r"[ \t\r\n]*"
_KEY = r'"(?:[^"\\]|\\.)*'
_FIRST_KEY = re.compile(rf"{_SPACE}(\{{{_SPACE}{_KEY})(\":{_SPACE})")
_NESTED_KEY = re.compile(rf"\{{{_SPACE}{_KEY}")
_NEXT_KEY = re.compile(rf"[}} \t\r\n]*,{_SPACE}(?:\{{{_SPACE})?{_KEY}")
_NEXT_RECORD = re.compile(rf"{_SPACE},{_SPACE}")
_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*|true|false|null')


@dataclass(frozen=True, slots=True)
class _Stencil:
    """What stands around the values of every record."""

    beginning: str
    """What comes before the first value of all."""
    key_end: str
    """What is between a key and its value, wherever there is one."""
    next_record: str
    """From the end of a record up to the end of the first key of the next."""
    fields: tuple[tuple[Path | None, str], ...]
    """For each key the path of its value, and the text from there up to the end of the next key; no path
    where an object begins."""


def tabulate_stencilled_records(body: bytes, records: Sequence[str] | None = None) -> QuickTable | None:
    """Tabulate a list of objects that are written alike, down to the order of keys and the white space.

    Returns:
        The table that the exact way gives, or None where this way cannot vouch for that.
    """
    place = locate_list(body, records)
    if place is None or len(body) > MAX_TEXT:
        return None
    try:
        stencil = _learn(body[place.start : min(place.end, place.start + _SAMPLE_BYTES)])
    except (ValueError, RecursionError):
        # the exact way finds out what is wrong, and tells the reader
        return None
    if stencil is None or not body.startswith(stencil.beginning.encode(), place.start):
        return None
    columns = _columns_of_pieces(body, place, stencil)
    if columns is None:
        return None
    paths = [path for path, _ in stencil.fields if path is not None]
    names, findings = name_columns([element_path(path) for path in paths])
    series = _typed(columns, stencil, names)
    if series is None:
        return None
    found_at = show_path(place.path)
    return QuickTable(pl.DataFrame(series), found_at, tuple(findings), sources=tuple(paths))


def _columns_of_pieces(body: bytes, place: ListInBody, stencil: _Stencil) -> list[pl.Series] | None:
    """The body cut behind each key, and what is then of the records dealt out key by key."""
    key_end = stencil.key_end.encode()
    pieces = split_body(body, stencil.key_end)
    first = body.count(key_end, 0, place.start) + 1
    behind = body[place.end :].split(key_end)
    height, rest = divmod(len(pieces) - first - (len(behind) - 1), len(stencil.fields))
    if rest or height < 1:
        return None
    pieces = pieces.slice(first, height * len(stencil.fields))
    last = pieces.item(-1).removesuffix(behind[0].decode()).rstrip(" \t\r\n")
    # the last record is made to be followed by what follows all others
    mended = pl.Series([last + stencil.next_record])
    columns = dealt(pieces, len(stencil.fields))
    columns[-1] = columns[-1].head(-1).append(mended)
    return columns


def _learn(sample: bytes) -> _Stencil | None:
    """Read the stencil off the first record and the beginning of the second.

    Raises:
        ValueError: Where there is no whole record, or one with other values than scalars.
    """
    # a character cut in two at the end of the sample belongs to a later record
    text = sample.decode("utf-8", "ignore")
    opening = _FIRST_KEY.match(text)
    if opening is None:
        return None
    first_key, key_end = opening.groups()
    _, end = json.JSONDecoder().raw_decode(text, opening.start(1))
    between = _NEXT_RECORD.match(text, end)
    if between is None:
        return None
    record = text[opening.start(1) : end]
    paths = list(_paths_of_keys(decode_json(record.encode()), ()))
    next_record = between[0] + first_key
    pieces = (record + next_record).split(key_end)[1:]
    if len(paths) != len(pieces) or len(paths) > MAX_COLUMNS:
        return None
    fields: list[tuple[Path | None, str]] = []
    for path, piece in zip(paths, pieces, strict=True):
        value = _SCALAR.match(piece)
        following = piece[value.end() :] if value else piece
        if not (_NEXT_KEY if value else _NESTED_KEY).fullmatch(following):
            return None
        fields.append((path if value else None, following))
    return _Stencil(opening[0], key_end, next_record, tuple(fields))


def _paths_of_keys(record: Any, path: Path) -> Iterator[Path]:
    """Go through the keys in the order they are written in."""
    if not isinstance(record, dict) or not record or len(path) > _MAX_DEPTH:
        raise ValueError("a list, or an object that is empty")
    for key, value in record.items():
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from _paths_of_keys(value, (*path, key))


def _typed(columns: list[pl.Series], stencil: _Stencil, names: list[str]) -> list[pl.Series] | None:
    fields = list(zip(columns, stencil.fields, strict=True))
    if not all((column == following).all() for column, (path, following) in fields if path is None):
        return None
    leaves = [(column, ("", following)) for column, (path, following) in fields if path is not None]
    return typed_columns(names, [column for column, _ in leaves], [around for _, around in leaves])
