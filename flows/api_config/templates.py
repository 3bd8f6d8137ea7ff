"""Placeholders in URLs, parameters and headers: `{start:%Y%m%d}`, `{end_utc:%H:%M}`, `{location}`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Formatter

WINDOW_PLACEHOLDERS = ("start", "end", "last", "start_utc", "end_utc", "last_utc")
"""Of the window asked for: its start, its end (the first moment after it), the start of its last unit."""

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
# those that Python documents; %:z, which it has from 3.12 on, is written here
_DIRECTIVES = {*"aAbBcdfGHIjmMpSuUVwWxXyYzZ%", ":z"}


class TemplateError(ValueError):
    """A text whose placeholders cannot be filled in; the message says why."""


@dataclass(frozen=True)
class Placeholder:
    """`{name}` or, for a moment, `{name:format}` with a format of strftime."""

    name: str
    format: str


def parse_template(text: str) -> tuple[str | Placeholder, ...]:
    """The literal texts and placeholders of a template, in order; `{{` and `}}` are literal braces.

    Raises:
        TemplateError: Where braces do not pair, a name is no name, or a format is not strftime's.
    """
    parts: list[str | Placeholder] = []
    try:
        for literal, name, form, conversion in Formatter().parse(text):
            if literal:
                parts.append(literal)
            if name is not None:
                parts.append(_placeholder(name, form or "", conversion))
    except TemplateError:
        raise
    except ValueError:
        raise TemplateError("holds braces that do not pair; a literal brace is written twice") from None
    return tuple(parts)


def placeholders(text: str) -> tuple[Placeholder, ...]:
    """The placeholders of a template, in order."""
    return tuple(part for part in parse_template(text) if isinstance(part, Placeholder))


def moment_text(placeholder: Placeholder, moment: datetime) -> str:
    """What is put in the place of `{start…}`, `{end…}` or `{last…}`, given that moment of the window."""
    if placeholder.name.endswith("_utc"):
        moment = moment.astimezone(UTC)
    if not placeholder.format:
        return moment.isoformat()
    offset = moment.strftime("%z")
    with_colons = ":".join(filter(None, (offset[:3], offset[3:5], offset[5:])))
    form = re.sub(r"%(%|:z)", lambda found: with_colons if found[1] == ":z" else found[0], placeholder.format)
    return moment.strftime(form)


def _placeholder(name: str, form: str, conversion: str | None) -> Placeholder:
    shown = f"{{{name}{'!' + conversion if conversion else ''}{':' + form if form else ''}}}"
    if not re.fullmatch(NAME_PATTERN, name) or conversion:
        raise TemplateError(f"holds {shown}, whose name is not made of letters, digits and _")
    if name not in WINDOW_PLACEHOLDERS:
        if form:
            raise TemplateError(f"holds {shown}: only {', '.join(WINDOW_PLACEHOLDERS)} take a format")
        return Placeholder(name, form)
    if "{" in form or "}" in form:
        raise TemplateError(f"holds {shown}: a format holds no braces")
    for directive in re.findall(r"%(:z|.?)", form, re.DOTALL):
        if directive not in _DIRECTIVES:
            raise TemplateError(f"holds {shown}: %{directive} is not a directive of strftime used here")
    return Placeholder(name, form)
