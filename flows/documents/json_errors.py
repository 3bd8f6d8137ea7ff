"""Messages on what is not JSON, each with its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.documents.errors import is_html, show_head

if TYPE_CHECKING:
    from json import JSONDecodeError

_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(-?Infinity|NaN)', re.DOTALL)
# what is left of a word, number or escape that the end of the body cut in two
_CUT_TOKEN = re.compile(r"t(ru?)?|f(a(ls?)?)?|n(ul?)?|-|\.|[eE][+-]?|\\?u?[0-9a-fA-F]{0,3}")


class NotJsonError(Exception):
    """`NaN` or `Infinity`, which Python's parser would accept."""


def describe_syntax_error(text: str, error: JSONDecodeError) -> str:
    """Describe why a text is not JSON."""
    if text.lstrip().startswith("<"):
        return f"{'HTML' if is_html(text) else 'XML'} where JSON was expected: {show_head(text)}"
    rest = text[error.pos :].strip()
    if not rest or error.msg.startswith("Unterminated string") or _CUT_TOKEN.fullmatch(rest):
        return f"JSON cut short at {_line_and_column(text, len(text))}; it begins: {show_head(text)}"
    where = _line_and_column(text, error.pos)
    return f"invalid JSON at {where}: {error.msg}; the body begins: {show_head(text)}"


def describe_constant(text: str) -> str:
    """Describe the first `NaN` or `Infinity` outside of strings."""
    found = next(match for match in _CONSTANT.finditer(text) if match[1])
    return f"invalid JSON at {_line_and_column(text, found.start())}: {found[1]} is not a JSON value"


def _line_and_column(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"line {line} column {position - text.rfind(chr(10), 0, position)}"
