"""Hiding secrets in text that is shown, logged or kept, however they are written there."""

from __future__ import annotations

import base64
import html
import re
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache

_HIDDEN = "***"
# texts are cut for the reader, and this stands where they are
_CUT = "…"
# fewer letters before a cut give nothing away, and stand before many
_MIN_CUT_LETTERS = 4
# of an escape of one letter as much as stands before a cut; rather too much than too little
_CUT_ESCAPE = re.compile(r"[%\\&]\S{0,80}|\S{1,6}")

_Letters = tuple[re.Pattern[str], ...]


def redacted(text: str, secrets: Iterable[str], pairs: Iterable[tuple[str, str]] = ()) -> str:
    """`text` without these secrets.

    They are found as they are, escaped as in URLs, JSON, HTML or Python, in base64, in any case of
    their letters, and cut short by an ellipsis.

    Args:
        text: What is to be shown.
        secrets: What must not be.
        pairs: User names and passwords that are sent as one.
    """
    # an empty secret would be found everywhere
    hidden = frozenset(filter(None, secrets))
    together = frozenset(f"{username}:{password}" for username, password in pairs)
    if not hidden | together:
        return text
    whole, letters = _patterns(hidden | together)
    text = whole.sub(_HIDDEN, text)
    return _without_beginnings(text, letters) if _CUT in text else text


@lru_cache(maxsize=16)
def _patterns(secrets: frozenset[str]) -> tuple[re.Pattern[str], tuple[_Letters, ...]]:
    """What finds any of the secrets whole, and what finds each letter of each."""
    # and as those read them who take headers for Latin-1
    read = secrets | {secret.encode("utf-8", "surrogatepass").decode("latin-1") for secret in secrets}
    written = {form for secret in read for form in (secret, *_in_base64(secret))}
    # whitespace is folded where bodies are shown
    written |= {" ".join(form.split()) for form in written} - {""}
    # the longest first, so that no part of it is left
    sources = [[_letter(letter) for letter in form] for form in sorted(written, key=len, reverse=True)]
    whole = re.compile("|".join("".join(source) for source in sources), re.IGNORECASE)
    letters = tuple(tuple(re.compile(each, re.IGNORECASE) for each in source) for source in sources)
    return whole, letters


def _in_base64(secret: str) -> tuple[str, ...]:
    encoded = secret.encode("utf-8", "surrogatepass")
    # the padding gives nothing away
    return tuple(
        encode(encoded).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode)
    )


@lru_cache(maxsize=4096)
def _letter(letter: str) -> str:
    """A pattern for one letter as it is and as it is escaped."""
    if letter.isascii() and letter.isalnum():
        # nothing escapes these, and a token has a thousand of them
        return letter
    encoded = letter.encode("utf-8", "surrogatepass")
    forms = {
        re.escape(letter),
        # once or several times over
        "".join(f"%(?:25)*{byte:02x}" for byte in encoded),
        "".join(rf"\\+x{byte:02x}" for byte in encoded),
        re.escape(html.escape(letter)),
        f"&#0*{ord(letter)};",
        f"&#x0*{ord(letter):x};",
        rf"\\+{re.escape(letter)}",
        "".join(rf"\\+u{unit:04x}" for unit in _utf16_units(letter)),
        rf"\\+U{ord(letter):08x}",
    }
    if letter == " ":
        forms.add(r"(?:\+|%(?:25)*2b)")
    return f"(?:{'|'.join(sorted(forms, key=len, reverse=True))})"


def _utf16_units(letter: str) -> Iterator[int]:
    encoded = letter.encode("utf-16-be", "surrogatepass")
    return (unit for (unit,) in struct.iter_unpack(">H", encoded))


def _without_beginnings(text: str, secrets: Iterable[_Letters]) -> str:
    """`text` without what a cut has left of a secret."""
    kept = []
    *parts, rest = text.split(_CUT)
    for part in parts:
        starts = [start for letters in secrets if (start := _beginning(part, letters)) is not None]
        kept.append(part[: min(starts)] + _HIDDEN if starts else part)
    return _CUT.join([*kept, rest])


def _beginning(text: str, letters: _Letters) -> int | None:
    """Where at the end of a text the first letters of a secret begin."""
    for first in letters[0].finditer(text):
        position, found = first.end(), 1
        while found < len(letters) and (match := letters[found].match(text, position)):
            position, found = match.end(), found + 1
        is_at_end = position == len(text) or _CUT_ESCAPE.fullmatch(text, position)
        if is_at_end and found >= _MIN_CUT_LETTERS:
            return first.start()
    return None
