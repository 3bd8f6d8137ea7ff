"""Recognizes an error document in a response with the status 200, without any configuration."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from flows.documents import Document, DocumentError, JsonScalar, JsonValue, source_text

# an error is a small document: a few scalar values
_MAX_BYTES = 4096
_MAX_VALUES = 12
_WORDS = {"message", "status", "code", "detail", "messages", "details", "statuscode"}
# names that data hardly has
_ERROR_WORDS = {
    *("error", "errors", "errorcode", "errormessage", "errordescription", "errordetail"),
    *("fault", "faultcode", "faultstring", "exception"),
}
_STATES = {"status", "code", "statuscode"}
_SUCCESS = {"ok", "success", "successful", "succeeded", "true", "0", "200"}
_NO_ERROR = {*_SUCCESS, "", "false", "none", "null", "no error", "no errors", "n/a"}
_FAILURE = re.compile(r"err(or)?|fail(ed|ure)?|[45][0-9]{2}")

_Path = tuple[str, ...]


@dataclass(frozen=True)
class ErrorDocument:
    """A document that looks like an error.

    Attributes:
        message: The provider's words, not redacted: `code 429, message rate limit exceeded`.
        columns: The names that its values have in a table, for each place at which its record may begin.
    """

    message: str
    columns: frozenset[str]

    def is_data(self, columns: Collection[str]) -> bool:
        """Whether it has some of these columns, so that it is data."""
        return not self.columns.isdisjoint(columns)


def error_document(document: Document) -> ErrorDocument | None:
    """The error that a small JSON or XML document seems to be; None for anything else.

    It has few values, all of them scalars, and names such as `error`, `message`, `status`, `code`, `fault`
    or `detail`, in any case. An object that says it is a success, or that has an empty list, where records
    would be, is an error only where it names one.
    """
    if len(document.body) > 2 * _MAX_BYTES:
        return None
    body = document.body.strip(b"\xef\xbb\xbf \t\r\n")
    if not 0 < len(body) <= _MAX_BYTES or body[:1] not in {b"<", b"{", b"["}:
        return None
    try:
        value: JsonValue = Document(body, "xml" if body[:1] == b"<" else "json", document.charset).value()
    except DocumentError:
        return None
    values = list(_values(value, ()))
    if len(values) > _MAX_VALUES or any(isinstance(found, list) and found for _, found in values):
        return None
    named = [
        (path, source_text(found))
        for path, found in values
        if not isinstance(found, list) and (_normalized(path[-1]) in _WORDS or _names_an_error(path))
    ]
    if not _is_error(named, has_empty_list=any(isinstance(found, list) for _, found in values)):
        return None
    message = ", ".join(f"{_name(path[-1])} {text}" for path, text in named if text)
    names = {"_".join(map(_name, path[start:])) for path, _ in values for start in range(len(path))}
    return ErrorDocument(message, frozenset(names))


def _is_error(named: list[tuple[_Path, str]], *, has_empty_list: bool) -> bool:
    if any(_names_an_error(path) and not _is_no_error(text) for path, text in named):
        return True
    states = [text.casefold() for path, text in named if _normalized(path[-1]) in _STATES]
    if any(_FAILURE.fullmatch(state) for state in states):
        return True
    is_named = any(_normalized(path[-1]) in _WORDS and text for path, text in named)
    return is_named and not has_empty_list and not any(state in _SUCCESS for state in states)


def _is_no_error(text: str) -> bool:
    # a code of zeros only, such as 0000
    return text.casefold() in _NO_ERROR or not text.strip("0")


def _values(value: JsonValue, path: _Path) -> Iterator[tuple[_Path, JsonScalar | list[JsonValue]]]:
    """The scalars of a document with their paths; a list that is empty or has several records stays one."""
    if isinstance(value, dict):
        for name, inner in value.items() if value else [("", [])]:
            yield from _values(inner, (*path, name))
    elif not isinstance(value, list):
        if path:
            yield path, "" if value is None else value
    elif len(value) == 1 or (value and _names_an_error(path)):
        for inner in value:
            yield from _values(inner, path)
    else:
        yield path, value


def _names_an_error(path: _Path) -> bool:
    return any(_normalized(name) in _ERROR_WORDS for name in path)


def _normalized(name: str) -> str:
    return re.sub(r"[@_\- ]", "", name).casefold()


def _name(name: str) -> str:
    return name.lstrip("@")
