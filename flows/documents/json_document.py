"""JSON bytes to a tree in which every number is still the text the source wrote."""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import msgspec

from flows.documents.errors import DocumentError, show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 100
"""Levels of lists and objects; deeper documents are refused."""

# more than is shown: the error that quotes it is cut once it is redacted
_HEAD_LENGTH = 2000
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(-?Infinity|NaN)', re.DOTALL)
_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
# what is left of a word, number or escape that the end of the body cut in two
_CUT_TOKEN = re.compile(r"t(ru?)?|f(a(ls?)?)?|n(ul?)?|-|\.|[eE][+-]?|\\?u?[0-9a-fA-F]{0,3}")


_SPACE_BEFORE_COLON = re.compile(rb'"[ \t\r\n]+:')
_NEGATIVE_ZERO = re.compile(rb"-0(?![0-9.eE])")
_UNDECIDED = object()


class IntegerText(str):
    """An integer as written in the source."""

    __slots__ = ()


class DecimalText(str):
    """A number with a fraction or an exponent, as written in the source."""

    __slots__ = ()


_DECODER = msgspec.json.Decoder(float_hook=DecimalText)


class _RepeatedKeys(list[tuple[str, Any]]):
    """The pairs of an object that holds a key twice."""


class _NotJsonConstantError(Exception):
    """NaN or Infinity, which Python's parser would let pass."""


JsonValue: TypeAlias = "dict[str, Any] | list[Any] | str | int | bool | None"
"""Strings are `str` itself; numbers are its two subclasses above, or `int` where that is as written."""


def decode_json(body: bytes) -> JsonValue:
    """Decode a document; an empty body is `None`, a leading byte order mark is skipped.

    Raises:
        DocumentError: for invalid UTF-8 (with the byte position), anything that is not JSON (with
            line and column), `NaN` and `Infinity`, a key twice in one object, an unpaired surrogate,
            and nesting deeper than `MAX_DEPTH`.
    """
    document = _decode_quickly(body)
    return _decode_exactly(body) if document is _UNDECIDED else document


def _decode_quickly(body: bytes) -> Any:
    """Decode what is beyond doubt: no key stands twice in it, and every integer is as written."""
    if _SPACE_BEFORE_COLON.search(body) or (b"-0" in body and _NEGATIVE_ZERO.search(body)):
        return _UNDECIDED
    try:
        document = _DECODER.decode(body)
    except (ValueError, RecursionError):
        # the exact way knows whether it is wrong, and tells the reader how
        return _UNDECIDED
    depth, keys = _depth_and_keys(document)
    # a key that stands twice is one key less, and text that looks like a key's end one more
    return document if depth <= MAX_DEPTH and body.count(b'":') == keys else _UNDECIDED


def _decode_exactly(body: bytes) -> JsonValue:
    text = decode_utf8(body)
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
        raise DocumentError(_describe_syntax_error(text, error)) from None
    except _NotJsonConstantError:
        raise DocumentError(_describe_constant(text)) from None
    except RecursionError:
        raise DocumentError(_TOO_DEEP) from None
    _refuse_deep_nesting(document)
    if repeated:
        _refuse_repeated_key(document)
    if _LONE_SURROGATE.search(text):
        _refuse_lone_surrogates(document)
    return document


_CONTAINERS = {dict, list, _RepeatedKeys}


def compact_json(value: JsonValue) -> str:
    """Write a value back as JSON on one line, numbers as in the source, non-ASCII kept."""
    if isinstance(value, dict):
        fields = [f"{_quote(key)}:{compact_json(item)}" for key, item in value.items()]
        return "{" + ",".join(fields) + "}"
    if isinstance(value, list):
        return "[" + ",".join([compact_json(item) for item in value]) + "]"
    if type(value) is str:
        return _quote(value)
    return source_text(value)


def source_text(value: str | int | bool | None) -> str:
    """Write a scalar as in the source, strings without their quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def body_head(text: str) -> str:
    """The beginning of a body as one printable line, for the end of an error's reason."""
    folded = " ".join(text[:_HEAD_LENGTH].split())
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in folded)


_TOO_DEEP = f"JSON nested deeper than {MAX_DEPTH} levels"
_quote = encode_basestring


def decode_utf8(body: bytes) -> str:
    """The text of a body, a leading byte order mark skipped.

    Raises:
        DocumentError: With the position of the first byte that is not UTF-8.
    """
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # the codec counts from behind a byte order mark
        position = error.start + len(body) - len(error.object)
        head = body_head(body[:_HEAD_LENGTH].decode("utf-8", "replace"))
        message = f"invalid UTF-8 at byte {position} of {len(body)} ({error.reason}); the body begins: {head}"
        raise DocumentError(message) from None


def _describe_syntax_error(text: str, error: json.JSONDecodeError) -> str:
    if text.lstrip().startswith("<"):
        kind = "HTML" if re.search(r"<(!doctype\s+)?html", text[:2000], re.IGNORECASE) else "XML"
        return f"{kind} where JSON was expected: {body_head(text)}"
    rest = text[error.pos :].strip()
    if not rest or error.msg.startswith("Unterminated string") or _CUT_TOKEN.fullmatch(rest):
        return f"JSON cut short at {_line_and_column(text, len(text))}; it begins: {body_head(text)}"
    where = _line_and_column(text, error.pos)
    return f"invalid JSON at {where}: {error.msg}; the body begins: {body_head(text)}"


def _describe_constant(text: str) -> str:
    found = next(match for match in _CONSTANT.finditer(text) if match[1])
    return f"invalid JSON at {_line_and_column(text, found.start())}: {found[1]} is not a JSON value"


def _line_and_column(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"line {line} column {position - text.rfind(chr(10), 0, position)}"


def _refuse_constant(name: str) -> NoReturn:
    raise _NotJsonConstantError(name)


def _refuse_deep_nesting(document: JsonValue) -> None:
    if _depth_and_keys(document)[0] > MAX_DEPTH:
        raise DocumentError(_TOO_DEEP)


def _depth_and_keys(document: JsonValue) -> tuple[int, int]:
    """How deep lists and objects are nested, up to one level too many, and how many keys there are."""
    keys = depth = 0
    level: list[Any] = [document] if isinstance(document, (dict, list)) else []
    while level and depth <= MAX_DEPTH:
        depth += 1
        keys += sum(len(container) for container in level if isinstance(container, dict))
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if type(item) in _CONTAINERS
        ]
    return depth, keys


def _refuse_repeated_key(document: JsonValue) -> None:
    for path, value in _walk(document):
        if isinstance(value, _RepeatedKeys):
            keys = [key for key, _ in value]
            key = next(key for key in keys if keys.count(key) > 1)
            raise DocumentError(f"the key {_quote(key)} stands twice in the object at {show_path(path)}")


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
