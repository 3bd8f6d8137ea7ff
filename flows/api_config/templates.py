"""Placeholders in URLs, parameters and headers: `{start:%Y%m%d}`, `{end_utc:%H:%M}`, `{location}`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Formatter

WINDOW_PLACEHOLDERS = ("start", "end", "last", "start_utc", "end_utc", "last_utc")
"""The start of the window, its end (the first moment after it), and the start of its last unit."""

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
# those that Python documents; %:z, which strftime has from Python 3.12, is implemented below
_DIRECTIVES = {*"aAbBcdfGHIjmMpSuUVwWxXyYzZ%", ":z"}


class TemplateError(ValueError):
    """A template that is not valid; the message says why."""


@dataclass(frozen=True)
class Placeholder:
    """`{name}`, or `{name:format}` for a moment, with a strftime format."""

    name: str
    format: str


def parse_template(text: str) -> tuple[str | Placeholder, ...]:
    """The literal texts and placeholders of a template, in order; `{{` and `}}` are literal braces.

    Raises:
        TemplateError: If braces are not balanced, or a name or a format is not valid.
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
        raise TemplateError("has unbalanced braces; a literal brace is written twice") from None
    return tuple(parts)


def placeholders(text: str) -> tuple[Placeholder, ...]:
    """The placeholders of a template, in order."""
    return tuple(part for part in parse_template(text) if isinstance(part, Placeholder))


def moment_text(placeholder: Placeholder, moment: datetime) -> str:
    """The text for `{start…}`, `{end…}` or `{last…}`, given that moment of the window."""
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
        raise TemplateError(f"holds {shown}, whose name does not consist of letters, digits and _")
    if name not in WINDOW_PLACEHOLDERS:
        if form:
            raise TemplateError(f"holds {shown}: only {', '.join(WINDOW_PLACEHOLDERS)} may have a format")
        return Placeholder(name, form)
    if "{" in form or "}" in form:
        raise TemplateError(f"holds {shown}: a format may not contain braces")
    for directive in re.findall(r"%(:z|.?)", form, re.DOTALL):
        if directive not in _DIRECTIVES:
            raise TemplateError(f"holds {shown}: %{directive} is not a supported strftime directive")
    return Placeholder(name, form)
