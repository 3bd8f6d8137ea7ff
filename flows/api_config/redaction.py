"""Redaction of secrets in text that is shown, logged or stored.

Redact a text before it is cut: the first half of a secret is not recognised.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable
from functools import lru_cache

_REDACTED = "***"


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
    # also as they appear where UTF-8 is decoded as Latin-1, as in headers
    texts = secrets | {_utf8(secret).decode("latin-1") for secret in secrets}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        texts |= {encode(_utf8(secret)).decode().rstrip("=") for secret in secrets}
    # and with whitespace folded, as in messages
    texts |= {" ".join(text.split()) for text in texts} - {""}
    # the longest first, so that a secret within another one does not leave the rest of it
    longest_first = sorted(texts, key=len, reverse=True)
    return re.compile("|".join("".join(map(_character, text)) for text in longest_first), re.IGNORECASE)


@lru_cache(maxsize=4096)
def _character(character: str) -> str:
    """A pattern for one character as it is and as URLs, JSON, HTML and Python escape it."""
    if character.isascii() and character.isalnum():
        # these are never escaped, and a token has a thousand of them
        return character
    code, plain = ord(character), re.escape(character)
    octets = _utf8(character)
    utf16 = character.encode("utf-16-be", "surrogatepass")
    forms = [
        "".join(rf"\\+u{utf16[at : at + 2].hex()}" for at in range(0, len(utf16), 2)),
        rf"\\+U{code:08x}",
        "".join(rf"\\+x{octet:02x}" for octet in octets),
        # percent-encoded, once or several times over
        "".join(f"%(?:25)*{octet:02x}" for octet in octets),
        *([r"\+", "%(?:25)*2b"] if character == " " else []),
        f"&#0*{code};",
        f"&#x0*{code:x};",
        re.escape(html.escape(character)),
        rf"\\+{plain}",
        plain,
    ]
    return f"(?:{'|'.join(forms)})"


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
