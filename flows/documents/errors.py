"""Why a payload cannot be read or become a table, and how a place in it is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_STEP = 100
TOP_OF_DOCUMENT = "top of the document"


class DocumentError(ValueError):
    """A payload that cannot become a table; the message says what is wrong, and where."""


def show_path(path: Sequence[str | int]) -> str:
    """Write a path for people: keys as they are, list positions (from 0) in brackets."""
    if not path:
        return TOP_OF_DOCUMENT
    return " > ".join(f"[{step}]" if isinstance(step, int) else _shortened(step) for step in path)


def _shortened(step: str) -> str:
    return step if len(step) <= _MAX_STEP else step[:_MAX_STEP] + "…"
