"""Bodies in another charset than UTF-8, which JSON and CSV are read in."""

from __future__ import annotations

import codecs

from flows.documents.errors import PayloadError

# whose bytes may pass for UTF-8 by chance
_WIDE = ("utf-16", "utf-32", "utf_16", "utf_32")


def as_utf8(body: bytes, charset: str | None) -> bytes:
    """A body in UTF-8, where its Content-Type says that it is in another charset.

    What is UTF-8 stays as it is: servers name a charset of their own for it too. So does what is in a
    charset that nobody knows.

    Raises:
        PayloadError: Where the body is not what it is said to be.
    """
    try:
        codec = codecs.lookup(charset or "utf-8").name
    except LookupError:
        return body
    if codec == "utf-8" or (not codec.startswith(_WIDE) and _is_utf8(body)):
        return body
    try:
        return body.decode(codec).encode()
    except (UnicodeError, ValueError):
        raise PayloadError(f"it is neither UTF-8 nor {charset}, as its Content-Type says") from None


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
