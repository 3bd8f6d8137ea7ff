"""JSON bytes to Python values in which every number keeps the text that the source wrote."""

from __future__ import annotations

import json
import re
from itertools import chain
from json.encoder import encode_basestring
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias

import msgspec

from flows.documents.charsets import utf8_text
from flows.documents.errors import DocumentError, show_path
from flows.documents.gc_pause import gc_paused
from flows.documents.json_errors import NotJsonError, describe_constant, describe_syntax_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_DEPTH = 100
"""Levels of lists and objects; deeper documents are refused."""

_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NEGATIVE_ZERO = re.compile(rb"-0(?![0-9.eE])")
_TOO_DEEP = f"JSON nested deeper than {MAX_DEPTH} levels"
_UNDECIDED = object()


class NumberText(msgspec.Struct, frozen=True, gc=False):
    """A number as written in the source.

    A `msgspec.Struct`, since msgspec creates those without calling Python, and the garbage collector does
    not track them: decoding an LMP day of 6.1 MB takes 36 ms, with a subclass of `str` 73 ms.
    """

    text: str

    def __str__(self) -> str:
        """Return the text."""
        return self.text


class IntegerText(NumberText, frozen=True, gc=False):
    """An integer that an `int` would not write as the source did, such as `-0`."""


class DecimalText(NumberText, frozen=True, gc=False):
    """A number with a fraction or an exponent."""


JsonScalar: TypeAlias = "str | int | bool | NumberText | None"
JsonValue: TypeAlias = "dict[str, Any] | list[Any] | JsonScalar"
"""An integer is an `int` where that is written as in the source; other numbers are a `NumberText`."""

_DECODER = msgspec.json.Decoder(float_hook=DecimalText)


class _RepeatedKeys(list[tuple[str, Any]]):
    """The key-value pairs of an object in which a key stands twice."""


_CONTAINERS = {dict, list, _RepeatedKeys}


def decode_json(body: bytes) -> JsonValue:
    """Decode a document; an empty body is `None`, a leading byte order mark is skipped.

    Raises:
        DocumentError: For invalid UTF-8 (with the byte position), anything that is not JSON (with
            line and column), `NaN` and `Infinity`, a key twice in one object, an unpaired surrogate,
            and nesting deeper than `MAX_DEPTH`.
    """
    document = _decode_with_msgspec(body)
    return _decode_with_json(body) if document is _UNDECIDED else document


def count_quotes(body: bytes) -> int:
    """Count the quotes around the keys and strings of a JSON document, without those in strings."""
    escaped = body.replace(rb"\\", b"").count(rb"\"") if b"\\" in body else 0
    return body.count(b'"') - escaped


def _decode_with_msgspec(body: bytes) -> Any:
    """Decode a document without errors, without repeated keys and without the integer `-0`."""
    if b"-0" in body and _NEGATIVE_ZERO.search(body):
        return _UNDECIDED
    try:
        with gc_paused():
            document = _DECODER.decode(body)
    except (ValueError, RecursionError):
        return _UNDECIDED
    size = _size_of(document)
    # msgspec accepts a repeated key, which has two quotes more
    is_decided = size.depth <= MAX_DEPTH and count_quotes(body) == 2 * (size.keys + size.strings)
    return document if is_decided else _UNDECIDED


def _decode_with_json(body: bytes) -> JsonValue:
    """Decode any document with the standard library, which says where an error is."""
    text = utf8_text(body)
    if not text.strip():
        return None
    repeated: list[_RepeatedKeys] = []

    def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _RepeatedKeys:
        fields = dict(pairs)
        if len(fields) == len(pairs):
            return fields
        repeated.append(_RepeatedKeys(pairs))
        return repeated[-1]

    try:
        document: JsonValue = json.loads(
            text,
            parse_int=IntegerText,
            parse_float=DecimalText,
            parse_constant=_refuse_constant,
            object_pairs_hook=build_object,
        )
    except json.JSONDecodeError as error:
        raise DocumentError(describe_syntax_error(text, error)) from None
    except NotJsonError:
        raise DocumentError(describe_constant(text)) from None
    except RecursionError:
        raise DocumentError(_TOO_DEEP) from None
    if _size_of(document).depth > MAX_DEPTH:
        raise DocumentError(_TOO_DEEP)
    if repeated:
        _refuse_repeated_key(document)
    if _LONE_SURROGATE.search(text):
        _refuse_lone_surrogates(document)
    return document


def compact_json(value: JsonValue) -> str:
    """Encode a value as JSON on one line, numbers as in the source, non-ASCII characters as they are."""
    return _ENCODERS[type(value)](value)


def source_text(value: JsonScalar) -> str:
    """Write a scalar as in the source, strings without their quotes."""
    return value if isinstance(value, str) else compact_json(value)


def _encode_object(value: dict[str, Any]) -> str:
    fields = [f"{encode_basestring(key)}:{_ENCODERS[type(item)](item)}" for key, item in value.items()]
    return "{" + ",".join(fields) + "}"


def _encode_list(value: list[Any]) -> str:
    return "[" + ",".join([_ENCODERS[type(item)](item) for item in value]) + "]"


# by type, since lists that are kept in their column are encoded value by value
_ENCODERS: dict[type, Callable[[Any], str]] = {
    dict: _encode_object,
    list: _encode_list,
    str: encode_basestring,
    int: str,
    bool: {True: "true", False: "false"}.__getitem__,
    NoneType: {None: "null"}.__getitem__,
    IntegerText: attrgetter("text"),
    DecimalText: attrgetter("text"),
}


def _refuse_constant(name: str) -> NoReturn:
    raise NotJsonError(name)


class _Size(NamedTuple):
    depth: int
    """Levels of lists and objects, counted up to one too many."""
    keys: int
    strings: int


def _size_of(document: JsonValue) -> _Size:
    depth = keys = strings = 0
    level: list[Any] = [document] if type(document) in _CONTAINERS else []
    while level and depth <= MAX_DEPTH:
        depth += 1
        objects = [container for container in level if type(container) is dict]
        lists = [container for container in level if type(container) is not dict]
        items = chain(chain.from_iterable(map(dict.values, objects)), chain.from_iterable(lists))
        others = [item for item in items if type(item) is not str]
        strings += sum(map(len, level)) - len(others)
        keys += sum(map(len, objects))
        level = [item for item in others if type(item) in _CONTAINERS]
    return _Size(depth, keys, strings + (type(document) is str))


def _refuse_repeated_key(document: JsonValue) -> None:
    for path, value in _walk(document):
        if isinstance(value, _RepeatedKeys):
            keys = [key for key, _ in value]
            key = next(key for key in keys if keys.count(key) > 1)
            raise DocumentError(
                f"the key {compact_json(key)} stands twice in the object at {show_path(path)}"
            )


def _refuse_lone_surrogates(document: JsonValue) -> None:
    for path, value in _walk(document):
        texts = [value] if isinstance(value, str) else list(value) if isinstance(value, dict) else []
        for text in texts:
            try:
                text.encode()
            except UnicodeEncodeError as error:
                where = show_path(path).encode("ascii", "backslashreplace").decode()
                code = ascii(error.object[error.start])
                message = f"the text at {where} holds the unpaired surrogate {code}, which is no character"
                raise DocumentError(message) from None


def _walk(
    value: JsonValue, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], JsonValue]]:
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*path, key))
    elif isinstance(value, list) and not isinstance(value, _RepeatedKeys):
        for position, item in enumerate(value):
            yield from _walk(item, (*path, position))
