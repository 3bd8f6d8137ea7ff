"""Errors of decoding and tabulating a response, and how places in a document are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_REASON = 300
_MAX_KEY = 100
TOP_OF_DOCUMENT = "top of the document"


class DocumentError(ValueError):
    """A response that cannot be decoded, or cannot become a table.

    `str()` cuts the reason for the reader. Where it may hold a secret, redact the whole `reason` first:
    redaction does not recognise a secret that has been cut in two.

    Attributes:
        reason: What is wrong and where, with the start of the body.
        source: The address that the response came from, or "".
    """

    def __init__(self, reason: str, source: str = "") -> None:
        super().__init__(reason, source)
        self.reason = reason
        self.source = source

    def __str__(self) -> str:
        reason = shortened(self.reason, _MAX_REASON)
        return f"{self.source}: response could not be tabulated: {reason}" if self.source else reason


def shortened(text: str, max_characters: int) -> str:
    """`text`, cut to so many characters and an ellipsis where it is longer."""
    return text if len(text) <= max_characters else text[:max_characters] + "…"


def show_path(path: Sequence[str | int]) -> str:
    """A path for messages: keys as they are, list positions (from 0) in brackets."""
    if not path:
        return TOP_OF_DOCUMENT
    return " > ".join(f"[{step}]" if isinstance(step, int) else _shown_key(step) for step in path)


def _shown_key(key: str) -> str:
    # not cut, since half a secret would not be redacted
    return key if len(key) <= _MAX_KEY else f"(a key of {len(key):,} characters)"
