"""The body of a response: its Content-Encoding decoded, within a size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import httpx

from flows.documents.compression import SUPPORTED_CODINGS, CompressionError, Decompressor, TooLargeError

ACCEPT_ENCODING = ", ".join(coding for coding in SUPPORTED_CODINGS if coding != "x-gzip")
_IDENTITY = "identity"
# read of an error response, for the provider's message
_ERROR_BODY_BYTES = 65_536


class UnsupportedCodingError(ValueError):
    """The body has a Content-Encoding that cannot be decoded."""


def decoded_chunks(response: httpx.Response, max_bytes: int) -> Iterator[bytes]:
    """The decoded body of a response, as it arrives.

    httpx decodes bodies too, but only the first of several gzip members, and takes a compressed stream that
    is cut off for a complete one.

    Args:
        response: The response, whose body has not been read.
        max_bytes: The most that the decoded body may have.

    Raises:
        httpx.HTTPError: The connection broke; as `httpx.DecodingError` where the body is not validly
            compressed or its compressed stream is cut off.
        TooLargeError: The decoded body has more than `max_bytes`.
        UnsupportedCodingError: It cannot be decoded.
    """
    codings = _codings(response) or [_IDENTITY]
    # nested compression expands a thousandfold twice before the size can be checked
    if codings[1:] or codings[0] not in {*SUPPORTED_CODINGS, _IDENTITY}:
        raise UnsupportedCodingError(f"has an unsupported Content-Encoding ({' '.join(codings)})")
    (coding,) = codings
    if coding == _IDENTITY:
        size = 0
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > max_bytes:
                raise TooLargeError
            yield chunk
        return
    decompressor = Decompressor(coding, max_bytes)
    try:
        for chunk in response.iter_raw():
            yield decompressor.decompress(chunk)
        decompressor.finish()
    except CompressionError as error:
        raise httpx.DecodingError(str(error), request=response.request) from None


def error_body_start(response: httpx.Response, max_bytes: int) -> bytes:
    """The first 64 KiB of the body of an error response, as far as it can be decoded.

    Args:
        response: The response, whose body has not been read.
        max_bytes: The most that a part of it may have decoded.

    Raises:
        httpx.HTTPError: The connection broke.
        UnsupportedCodingError: It cannot be decoded.
    """
    start = b""
    # the status says that the response is an error, whatever its body is
    with suppress(httpx.DecodingError, TooLargeError):
        for chunk in decoded_chunks(response, max_bytes):
            start += chunk
            if len(start) >= _ERROR_BODY_BYTES:
                break
    return start[:_ERROR_BODY_BYTES]


def is_end_known(response: httpx.Response) -> bool:
    """Whether a body that was cut off would be noticed: by its length, its chunks or its compression."""
    has_framing = bool({"content-length", "transfer-encoding"} & response.headers.keys())
    return has_framing or any(coding != _IDENTITY for coding in _codings(response))


def _codings(response: httpx.Response) -> list[str]:
    names: str = response.headers.get("Content-Encoding", "")
    return names.lower().replace(",", " ").split()
