"""What the configuration says a reply means: no data, or an error in the provider's own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flows.api_config import ApiConfig, ReplyCondition
from flows.documents import (
    Document,
    DocumentError,
    DocumentFormat,
    IntegerText,
    JsonValue,
    compact_json,
    source_text,
    values_at,
)

_TEXT_BYTES = 4096
_MAX_WORDS = 300


@dataclass(frozen=True)
class Meaning:
    """What a reply is, besides what its status says.

    Attributes:
        is_empty: It says that there is no data.
        words: What the provider says went wrong; "" where it says nothing.
    """

    is_empty: bool = False
    words: str = ""


def meaning_of(api: ApiConfig, status: int, document: Document) -> Meaning | None:
    """What `empty_when` and `error_when` of an API make of a reply; None where neither applies."""
    if not (api.empty_when or api.error_when):
        return None
    reply = _Reply(api, status, document)
    if any(reply.fulfils(condition) for condition in api.empty_when):
        return Meaning(is_empty=True)
    for condition in api.error_when:
        if reply.fulfils(condition):
            return Meaning(words=reply.words(condition))
    return None


class _Reply:
    """A reply that is read only as far as conditions ask."""

    def __init__(self, api: ApiConfig, status: int, document: Document) -> None:
        self._api = api
        self._status = status
        self._document = document
        self._parts: list[_Part] | None = None

    def fulfils(self, condition: ReplyCondition) -> bool:
        if condition.status and self._status not in condition.status:
            return False
        if condition.text is not None and not self._has_text(condition.text):
            return False
        return condition.at is None or any(
            _is_meant(value, condition) for value in self._values(condition.at)
        )

    def words(self, condition: ReplyCondition) -> str:
        if condition.message:
            texts = [_shown(value) for value in self._values(condition.message)]
        else:
            found = self._values(condition.at) if condition.at else ()
            texts = [_shown(value) for value in found if _is_meant(value, condition)]
        said = "; ".join(dict.fromkeys(text for text in texts if text)) or condition.text or ""
        said = " ".join("".join(letter if letter.isprintable() else " " for letter in said).split())
        return said if len(said) <= _MAX_WORDS else said[:_MAX_WORDS] + "…"

    def _has_text(self, text: str) -> bool:
        wanted = text.casefold()
        return any(
            wanted in part.body[:_TEXT_BYTES].decode("utf-8", "replace").casefold()
            for part in self._readable()
        )

    def _values(self, path: Sequence[str]) -> Iterator[JsonValue]:
        for part in self._readable():
            # a document without these keys has nothing there, and need not be decoded
            if all(key.lstrip("@").encode() in part.body for key in path if key.isascii() and key != "$"):
                yield from values_at(part.value(), path)

    def _readable(self) -> list[_Part]:
        """The documents to look into: the reply's own, or those in its archive."""
        if self._parts is None:
            documents: tuple[Document, ...] = (self._document,)
            if self._document.body.startswith(b"PK"):
                try:
                    documents = self._document.members(int(self._api.max_response_mb * 1e6))
                except DocumentError:
                    # what is wrong with it is told where it is to become a table
                    documents = ()
            self._parts = [_Part(document) for document in documents]
        return self._parts


class _Part:
    """A document, decoded as what it looks like."""

    def __init__(self, document: Document) -> None:
        self.body = document.readable_body(strict=False)
        form = self._form(document.form)
        self._document = document if form == document.form else Document(self.body, form)

    def value(self) -> JsonValue:
        """What it decodes to; None where it cannot be decoded."""
        if self._document.form not in {"json", "xml"}:
            return None
        try:
            value: JsonValue = self._document.value()
        except DocumentError:
            return None
        return value

    def _form(self, form: DocumentFormat) -> DocumentFormat:
        # an error may come as XML where JSON or CSV was asked for, and the other way round
        start = self.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        return "xml" if start == b"<" else "json" if start in {b"{", b"["} else form


def _is_meant(value: JsonValue, condition: ReplyCondition) -> bool:
    if condition.equals is not None and _shown(value) not in condition.equals:
        return False
    if condition.contains is not None and condition.contains.casefold() not in _shown(value).casefold():
        return False
    # false and 0 are something to be found where they are asked for by name
    return condition.equals is not None or _is_something(value)


def _is_something(value: JsonValue) -> bool:
    return value.text.strip("-0") != "" if isinstance(value, IntegerText) else bool(value)


def _shown(value: JsonValue) -> str:
    if value is None:
        return ""
    return compact_json(value) if isinstance(value, dict | list) else source_text(value)
