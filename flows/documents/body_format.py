"""What a body holds, by its first bytes."""

from __future__ import annotations

from typing import Literal

from flows.documents.errors import is_html

DocumentFormat = Literal["json", "csv", "xml", "zip"]

_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP_START = b"\x1f\x8b\x08"
_HEAD_BYTES = 4096


def actual_format(body: bytes, expected: DocumentFormat) -> DocumentFormat:
    """Return the format of a body.

    Services send archives where they have several documents or large ones, and documents by themselves
    otherwise. Whether a body is the text format that was expected is left to its decoder.

    Args:
        body: The bytes, decompressed as far as HTTP compresses them.
        expected: The format to take where the first bytes do not show another one.
    """
    if is_zip(body) or is_gzip(body):
        return "zip"
    return expected if expected != "zip" else text_format(body) or "zip"


def text_format(body: bytes) -> Literal["json", "csv", "xml"] | None:
    """Return the format that a body looks like; None for HTML, plain words and binary data."""
    head = body[:_HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"<"):
        return None if is_html(head.decode("latin-1")) else "xml"
    if head.startswith((b"{", b"[")):
        return "json"
    first_line, line_end, _ = head.partition(b"\n")
    return "csv" if line_end and b"," in first_line and b"\x00" not in head else None


def is_zip(body: bytes) -> bool:
    """Return whether a body begins as a ZIP archive does."""
    return body.startswith(_ZIP_STARTS)


def is_gzip(body: bytes) -> bool:
    """Return whether a body begins as a gzip file does."""
    return body.startswith(_GZIP_START)
