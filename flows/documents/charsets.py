"""Bodies in another charset than UTF-8, which JSON and CSV are read in."""

from __future__ import annotations

import codecs

from flows.documents.errors import DocumentError

# those that data is published in; others, as `hex` or `utf-7`, are no service's to choose
_KNOWN = (
    "iso8859",
    "latin",
    "cp",
    "koi8",
    "gb",
    "big5",
    "euc",
    "shift_jis",
    "mac",
    "tis-620",
    "johab",
    "hp-roman8",
)
_WIDE = ("utf-16", "utf-32")
_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def readable(body: bytes, form: str, charset: str | None) -> bytes:
    """A body as its format is read: JSON and CSV in UTF-8; XML and archives say it themselves.

    Raises:
        DocumentError: Where it is not in the charset that it is said to be in.
    """
    return _as_utf8(body, charset) if form in {"json", "csv"} else body


def _as_utf8(body: bytes, charset: str | None) -> bytes:
    """A body in UTF-8, where its Content-Type says that it is in another charset.

    What is UTF-8 stays as it is: servers name a charset of their own for it too. So does what is in a
    charset that no data is published in.

    Raises:
        DocumentError: Where the body is not what it is said to be.
    """
    try:
        codec = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):
        return body
    is_wide = codec.startswith(_WIDE) and (b"\x00" in body or body.startswith(_BYTE_ORDER_MARKS))
    if not is_wide and (not codec.startswith((*_KNOWN, *_WIDE)) or _is_utf8(body)):
        return body
    if body.startswith(_BYTE_ORDER_MARKS):
        # which tells the order better than a name does
        codec = next((wide for wide in _WIDE if codec.startswith(wide)), codec)
    try:
        return body.decode(codec).encode()
    except UnicodeError:
        raise DocumentError(f"it is neither UTF-8 nor {charset}, as its Content-Type says") from None


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
