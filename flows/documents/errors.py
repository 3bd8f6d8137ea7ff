"""The error of a response that cannot become a table, and how paths and bodies are shown in messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# more than is shown: the error that quotes it is cut once it is redacted
_MAX_HEAD_LENGTH = 2_000
_MAX_REASON = 300
_MAX_KEY = 100
_MAX_NAME = 200
# column names of a megabyte, or a thousand of them
MAX_MESSAGE = 1_000
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
    """Cut `text` to so many characters and an ellipsis where it is longer."""
    return text if len(text) <= max_characters else text[:max_characters] + "…"


def show_path(path: Sequence[str | int]) -> str:
    """Format a path for messages: keys as they are, list positions (from 0) in brackets."""
    if not path:
        return TOP_OF_DOCUMENT
    return " > ".join(f"[{step}]" if isinstance(step, int) else _shown_key(step) for step in path)


def show_name(name: str) -> str:
    """Format the name of an archive's member for messages, on one printable line."""
    # not cut, since half a secret would not be redacted
    return _printable(name) if len(name) <= _MAX_NAME else f"(a name of {len(name):,} characters)"


def _shown_key(key: str) -> str:
    # not cut, for the same reason
    return key if len(key) <= _MAX_KEY else f"(a key of {len(key):,} characters)"


def show_head(body: bytes | str) -> str:
    """Fold the beginning of a body to one printable line, for the end of an error's reason."""
    start = body[:_MAX_HEAD_LENGTH]
    text = start.decode("utf-8", "replace") if isinstance(start, bytes) else start
    return _printable(" ".join(text.split()))


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def is_html(start: str) -> bool:
    """Return whether the beginning of a body is that of an HTML page."""
    head = start[:2000].lower()
    return "<html" in head or "<!doctype html" in head
