"""The error of a response that cannot become a table, and how paths and bodies are shown in messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TOP_OF_DOCUMENT = "top of the document"
_MAX_KEY_LENGTH = 100
_MAX_HEAD_LENGTH = 80


class DocumentError(ValueError):
    """A response cannot be decoded or tabulated; the message says what is wrong, and where."""


def show_path(path: Sequence[str | int]) -> str:
    """Format a path for messages: keys as they are, list positions (from 0) in brackets."""
    if not path:
        return TOP_OF_DOCUMENT
    return " > ".join(f"[{step}]" if isinstance(step, int) else _shortened(step) for step in path)


def show_head(body: bytes | str) -> str:
    """Shorten the beginning of a body to one printable line."""
    start = body[: _MAX_HEAD_LENGTH * 10]
    text = start.decode("utf-8", "replace") if isinstance(start, bytes) else start
    folded = " ".join(text.split())
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in folded)
    return printable if len(printable) <= _MAX_HEAD_LENGTH else printable[:_MAX_HEAD_LENGTH] + "…"


def is_html(start: str) -> bool:
    """Return whether the beginning of a body is that of an HTML page."""
    head = start[:2000].lower()
    return "<html" in head or "<!doctype html" in head


def _shortened(key: str) -> str:
    return key if len(key) <= _MAX_KEY_LENGTH else key[:_MAX_KEY_LENGTH] + "…"
