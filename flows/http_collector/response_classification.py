"""Applies `empty_when` and `error_when` to a response: it holds no data, or a provider's error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flows.api_config import ApiConfig, ResponseCondition
from flows.documents import (
    DocumentError,
    IntegerText,
    JsonValue,
    archive_members,
    compact_json,
    decode_json,
    decode_xml,
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


def classify_response(api: ApiConfig, status: int, body: bytes) -> Classification | None:
    """Apply `empty_when`, then `error_when` to a response; None where no condition applies."""
    if not (api.empty_when or api.error_when):
        return None
    response = _Response(api, status, body)
    if any(response.meets(condition) for condition in api.empty_when):
        return Classification(is_empty=True)
    for condition in api.error_when:
        if response.meets(condition):
            return Classification(message=response.message(condition))
    return None


class _Response:
    """A response that is decoded only as far as the conditions need."""

    def __init__(self, api: ApiConfig, status: int, body: bytes) -> None:
        self._api = api
        self._status = status
        self._body = body
        self._parts: list[tuple[str, bytes]] | None = None
        self._documents: dict[int, JsonValue] = {}

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
            wanted in part[:_TEXT_BYTES].decode("utf-8", "replace").casefold() for _, part in self._readable()
        )

    def _values(self, path: Sequence[str]) -> Iterator[JsonValue]:
        for index, (form, body) in enumerate(self._readable()):
            # a body without these keys has no such path, and need not be decoded
            if all(key.lstrip("@").encode() in body for key in path if key.isascii() and key != "$"):
                if index not in self._documents:
                    self._documents[index] = _document(form, body)
                yield from values_at(self._documents[index], path)

    def _readable(self) -> list[tuple[str, bytes]]:
        """The format and bytes of each document: the body, or the members of an archive."""
        if self._parts is None:
            self._parts = [(self._api.format, self._body)]
            if self._body.startswith(b"PK"):
                try:
                    members = archive_members(self._body, int(self._api.max_response_mb * 1e6))
                except DocumentError:
                    # tabulation reports a damaged archive
                    members = ()
                self._parts = [(member.format, member.body) for member in members]
        return self._parts


def _document(form: str, body: bytes) -> JsonValue:
    # an error may be XML although the API's format is JSON or CSV, or the other way round
    looks_like = {b"<": "xml", b"{": "json", b"[": "json"}
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    try:
        return {"xml": decode_xml, "json": decode_json}[looks_like.get(start, form)](body)
    except (KeyError, DocumentError):
        return None


def _matches(value: JsonValue, condition: ResponseCondition) -> bool:
    if condition.equals is not None and _shown(value) not in condition.equals:
        return False
    if condition.contains is not None and condition.contains.casefold() not in _shown(value).casefold():
        return False
    # false and 0 match only where `equals` names them
    return condition.equals is not None or _is_truthy(value)


def _is_truthy(value: JsonValue) -> bool:
    return int(value) != 0 if isinstance(value, int | IntegerText) else bool(value)


def _shown(value: JsonValue) -> str:
    if value is None:
        return ""
    return compact_json(value) if isinstance(value, dict | list) else source_text(value)
