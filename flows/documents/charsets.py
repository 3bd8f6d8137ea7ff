"""Bodies to UTF-8, whatever charset their Content-Type names."""

from __future__ import annotations

import codecs

from flows.documents.errors import DocumentError, show_head

_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
# which Python counts among its text encodings
_ESCAPE_ENCODINGS = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7"}


def to_utf8(body: bytes, charset: str | None) -> bytes:
    """Convert a body from its charset to UTF-8.

    A body that is valid UTF-8 stays as it is, since servers name other charsets for it too. So does a
    body whose charset Python does not know.

    Raises:
        DocumentError: When the body is valid neither as UTF-8 nor in its charset.
    """
    codec = _codec(charset)
    is_wide = codec.startswith(("utf-16", "utf-32"))
    if is_wide and body.startswith(_BYTE_ORDER_MARKS):
        # the mark determines the byte order, which `utf-16-le` would contradict
        codec = codec[: len("utf-16")]
    elif codec == "utf-8" or (not (is_wide and b"\x00" in body) and _is_utf8(body)):
        return body
    try:
        return body.decode(codec).encode()
    except UnicodeError:
        raise DocumentError(f"it is neither UTF-8 nor {charset}, as its Content-Type says") from None


def utf8_text(body: bytes) -> str:
    """Decode a body, a leading byte order mark skipped.

    Raises:
        DocumentError: With the position of the first byte that is not UTF-8.
    """
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # the codec counts from behind a byte order mark
        position = error.start + len(body) - len(error.object)
        message = f"invalid UTF-8 at byte {position} of {len(body)} ({error.reason}); the body begins: "
        raise DocumentError(message + show_head(body)) from None


def _codec(charset: str | None) -> str:
    """Return the name of a charset's codec; that of UTF-8 where there is none."""
    try:
        name = codecs.lookup(charset or "utf-8").name
        # refuses codecs that are no text encodings, such as `hex`
        "".encode(name)
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name in _ESCAPE_ENCODINGS else name


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
