"""Redaction of secrets in text that is shown, logged or stored.

Redact a text before it is cut: the first half of a secret is not recognised.
"""

from __future__ import annotations

import base64
import contextlib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from html.entities import codepoint2name

_REDACTED = "***"
_CHARSETS = ("latin-1", "cp1252")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# each may itself be escaped, once or several times over
_PERCENT = "%(?:25)*"
_BACKSLASHES = rf"(?:\\|{_PERCENT}5c){{1,16}}"
_AMPERSAND = rf"(?:&|{_BACKSLASHES}u0026|{_PERCENT}26)(?:amp;)*"


def redacted(text: str, secrets: Iterable[str], pairs: Iterable[tuple[str, str]] = ()) -> str:
    """`text` with these secrets replaced by `***`, in any case and however each character is escaped.

    Args:
        text: What is to be shown.
        secrets: What must not be shown, also when encoded in base64.
        pairs: User names and passwords, which HTTP Basic sends as one text in base64.
    """
    # an empty secret would match everywhere
    hidden = frozenset({*filter(None, secrets), *(f"{username}:{password}" for username, password in pairs)})
    return _pattern(hidden).sub(_REDACTED, text) if hidden else text


@lru_cache(maxsize=16)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    written = secrets | {unicodedata.normalize("NFC", secret) for secret in secrets}
    texts = set(written)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        texts |= {encode(octets).decode().rstrip("=") for text in written for octets in _encodings(text)}
    # and with whitespace folded, as in messages
    texts |= {" ".join(text.split()) for text in texts} - {""}
    # the longest first, so that a secret within another one does not leave the rest of it
    longest_first = sorted(texts, key=len, reverse=True)
    return re.compile("|".join(map(_text_pattern, longest_first)), re.IGNORECASE)


def _text_pattern(text: str) -> str:
    # one run of backslashes, however long it is there and in the text
    text = re.sub(r"\\+", r"\\", text)
    if text.isascii():
        # letters and digits are not escaped there, and a token has a thousand of them
        return "".join(letter if letter.isalnum() else _character(letter) for letter in text)
    return "".join(map(_character, text))


@lru_cache(maxsize=4096)
def _character(character: str) -> str:
    """A pattern for one character, also as other charsets and Unicode forms write it."""
    if character.isascii():
        return _escaped(character)
    # UTF-8 decoded as Latin-1, as in headers, or as Windows-1252; and a letter with its accents apart
    rewritten = {_utf8(character).decode(charset, "replace") for charset in _CHARSETS}
    rewritten.add(unicodedata.normalize("NFD", character))
    forms = ["".join(map(_escaped, text)) for text in sorted(rewritten - {character})]
    # the character in a body of another charset
    return f"(?:{'|'.join([_escaped(character), *forms, _REPLACEMENT])})"


@lru_cache(maxsize=4096)
def _escaped(character: str) -> str:
    """A pattern for one character as it is and as URLs, JSON, HTML and Python escape it."""
    plain = [re.escape(character)]
    if character == " ":
        plain.append(r"\+")
    after_backslash, after_percent, after_ampersand = [re.escape(character)], [], []
    # ignoring case applies to an escaped letter, not to the number of its character
    for case in sorted(
        {each for each in (character, character.lower(), character.upper()) if len(each) == 1}
    ):
        code, utf16 = ord(case), case.encode("utf-16-be", "surrogatepass")
        units = [f"u{utf16[at : at + 2].hex()}" for at in range(0, len(utf16), 2)]
        after_backslash += [_BACKSLASHES.join(units), f"U{code:08x}"]
        after_percent += [_PERCENT.join(units)]
        for octets in _encodings(case):
            after_backslash += [_BACKSLASHES.join(f"x{octet:02x}" for octet in octets)]
            after_backslash += [_BACKSLASHES.join(f"{octet:03o}" for octet in octets)]
            after_percent += [_PERCENT.join(f"{octet:02x}" for octet in octets)]
        after_ampersand += [f"#0*{code};", f"#x0*{code:x};"]
        if code in codepoint2name:
            after_ampersand.append(f"{codepoint2name[code]};")
    if character == " ":
        after_percent.append("2b")
    marks = {_BACKSLASHES: after_backslash, _PERCENT: after_percent, _AMPERSAND: after_ampersand}
    escaped = [f"{mark}(?:{'|'.join(forms)})" for mark, forms in marks.items()]
    return f"(?:{'|'.join([*plain, *escaped])})"


def _encodings(text: str) -> list[bytes]:
    """The text in UTF-8, and in Latin-1 and Windows-1252 where they have its characters."""
    found = [_utf8(text)]
    for charset in _CHARSETS:
        with contextlib.suppress(UnicodeEncodeError):
            found.append(text.encode(charset))
    return list(dict.fromkeys(found))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
