"""Applies `empty_when` and `error_when` to a response: it holds no data, or a provider's error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flows.api_config import ApiConfig, ResponseCondition
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
# more than is shown: the message is cut once it is redacted
_MAX_MESSAGE = 20_000


@dataclass(frozen=True)
class Classification:
    """The meaning of a response to which a condition of the configuration applies.

    Attributes:
        is_empty: The response holds no data (`empty_when`); otherwise it is an error (`error_when`).
        message: The provider's error message, not redacted; "" where it gives none.
    """

    is_empty: bool = False
    message: str = ""


def classify_response(api: ApiConfig, status: int, document: Document) -> Classification | None:
    """Apply `empty_when`, then `error_when` to a response; None where no condition applies."""
    if not (api.empty_when or api.error_when):
        return None
    response = _Response(api, status, document)
    if any(response.meets(condition) for condition in api.empty_when):
        return Classification(is_empty=True)
    for condition in api.error_when:
        if response.meets(condition):
            return Classification(message=response.message(condition))
    return None


class _Response:
    """A response that is decoded only as far as the conditions need."""

    def __init__(self, api: ApiConfig, status: int, document: Document) -> None:
        self._api = api
        self._status = status
        self._document = document
        self._parts: list[_Part] | None = None

    def meets(self, condition: ResponseCondition) -> bool:
        if condition.status and self._status not in condition.status:
            return False
        if condition.text is not None and not self._has_text(condition.text):
            return False
        return condition.at is None or any(_matches(value, condition) for value in self._values(condition.at))

    def message(self, condition: ResponseCondition) -> str:
        if condition.message:
            texts = [_shown(value) for value in self._values(condition.message)]
        else:
            found = self._values(condition.at) if condition.at else ()
            texts = [_shown(value) for value in found if _matches(value, condition)]
        said = "; ".join(dict.fromkeys(text for text in texts if text)) or condition.text or ""
        return said[:_MAX_MESSAGE]

    def _has_text(self, text: str) -> bool:
        wanted = text.casefold()
        return any(
            wanted in part.body[:_TEXT_BYTES].decode("utf-8", "replace").casefold()
            for part in self._readable()
        )

    def _values(self, path: Sequence[str]) -> Iterator[JsonValue]:
        for part in self._readable():
            # a document without these keys has no such path, and need not be decoded
            if all(key.lstrip("@").encode() in part.body for key in path if key.isascii() and key != "$"):
                yield from values_at(part.value(), path)

    def _readable(self) -> list[_Part]:
        """The documents to look into: that of the response, or the members of an archive."""
        if self._parts is None:
            try:
                documents = self._document.members(int(self._api.max_response_mb * 1e6))
            except DocumentError:
                # tabulation reports a damaged archive; what is no archive may be an error page
                documents = (self._document,)
            self._parts = [_Part(document) for document in documents]
        return self._parts


class _Part:
    """A document, decoded as what it looks like."""

    def __init__(self, document: Document) -> None:
        self.body = document.readable_body(strict=False)
        form = self._form(document.form)
        self._document = document if form == document.form else Document(self.body, form)

    def value(self) -> JsonValue:
        """The decoded document; None where it cannot be decoded."""
        if self._document.form not in {"json", "xml"}:
            return None
        try:
            value: JsonValue = self._document.value()
        except DocumentError:
            return None
        return value

    def _form(self, form: DocumentFormat) -> DocumentFormat:
        # an error may be XML although the API's format is JSON or CSV, or the other way round
        start = self.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        return "xml" if start == b"<" else "json" if start in {b"{", b"["} else form


def _matches(value: JsonValue, condition: ResponseCondition) -> bool:
    if condition.equals is not None and _shown(value) not in condition.equals:
        return False
    if condition.contains is not None and condition.contains.casefold() not in _shown(value).casefold():
        return False
    # false and 0 match only where `equals` names them
    return condition.equals is not None or _is_truthy(value)


def _is_truthy(value: JsonValue) -> bool:
    return value.text.strip("-0") != "" if isinstance(value, IntegerText) else bool(value)


def _shown(value: JsonValue) -> str:
    if value is None:
        return ""
    return compact_json(value) if isinstance(value, dict | list) else source_text(value)
