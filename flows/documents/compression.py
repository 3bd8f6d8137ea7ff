"""Compressed bytes to plain ones, chunk by chunk and up to a size: HTTP bodies and members of archives."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from typing import Any, Protocol

# the streams of these may follow each other, and are one body: RFC 1952 2.2, RFC 8878 3.1
_CONCATENATED = {"gzip", "x-gzip", "zstd"}
_SLICE_BYTES = 65_536


class CompressionError(ValueError):
    """The bytes are not validly compressed, or end before their stream does."""


class TooLargeError(ValueError):
    """The bytes decompress to more than is allowed."""


class Decompressor:
    """Decompresses one body.

    Args:
        coding: One of `SUPPORTED_CODINGS`.
        max_bytes: The most that the body may have decompressed; no more than that is held in memory.
    """

    def __init__(self, coding: str, max_bytes: int) -> None:
        self._open = _STREAMS[coding]
        self._may_continue = coding in _CONCATENATED
        self._bytes_left = max_bytes
        self._stream: _Stream | None = None
        self._has_ended = False

    def decompress(self, data: bytes) -> bytes:
        """Return what the next bytes decompress to.

        Raises:
            CompressionError: They are not validly compressed.
            TooLargeError: The body has more than `max_bytes`.
        """
        pieces = []
        while data:
            if self._stream is None:
                # some servers pad the end of a stream with NUL bytes, as tape drives do
                data = data.lstrip(b"\x00") if self._has_ended else data
                if not data:
                    break
                if self._has_ended and not self._may_continue:
                    raise CompressionError("there are bytes after the end of the compressed stream")
                self._stream = self._open()
            try:
                piece = self._stream.decompress(data, self._bytes_left + 1)
            except _ERRORS as error:
                raise CompressionError(str(error)) from None
            self._bytes_left -= len(piece)
            if self._bytes_left < 0:
                raise TooLargeError
            pieces.append(piece)
            if not self._stream.eof:
                break
            data, self._stream, self._has_ended = self._stream.unused_data, None, True
        return b"".join(pieces)

    def finish(self) -> None:
        """Check that the body is complete; one without any bytes is.

        Raises:
            CompressionError: The body ends before its stream does.
        """
        if self._stream is not None:
            raise CompressionError("the compressed stream is cut off before its end")


def gunzip(body: bytes, max_bytes: int) -> bytes:
    """Decompress a gzip file of one or several members.

    Raises:
        CompressionError: It is damaged or cut off.
        TooLargeError: It has more than `max_bytes`.
    """
    decompressor = Decompressor("gzip", max_bytes)
    # in slices, since each member copies what is left of the one it ends in
    slices = (body[start : start + _SLICE_BYTES] for start in range(0, len(body), _SLICE_BYTES))
    plain = b"".join(map(decompressor.decompress, slices))
    decompressor.finish()
    return plain


class _Stream(Protocol):
    """One compressed stream; `zlib` and `compression.zstd` have such objects."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Deflate:
    """A zlib stream, as RFC 9110 8.4.1.2 defines `deflate`, or the raw stream that some servers send."""

    def __init__(self) -> None:
        self._start = b""
        self._stream: Any = None

    @property
    def eof(self) -> bool:
        return self._stream is not None and self._stream.eof

    @property
    def unused_data(self) -> bytes:
        unused: bytes = self._stream.unused_data
        return unused

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        if self._stream is None:
            self._start += data
            if len(self._start) < 2:
                return b""
            data = self._start
            # RFC 1950 2.2; no encoder begins a raw stream like that
            is_zlib = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
        plain: bytes = self._stream.decompress(data, max_length)
        return plain


class _Brotli:
    """A Brotli stream, with the methods that zlib's have."""

    unused_data = b""

    def __init__(self) -> None:
        self._stream = _brotli.Decompressor()

    @property
    def eof(self) -> bool:
        finished: bool = self._stream.is_finished()
        return finished

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        plain: bytes = self._stream.process(data, output_buffer_limit=max_length)
        return plain


def _installed(*names: str) -> Any:
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _gzip() -> _Stream:
    return zlib.decompressobj(zlib.MAX_WBITS | 16)


_brotli = _installed("brotli")
# the first is in Python from 3.14 on
_zstd = _installed("compression.zstd", "backports.zstd")
_STREAMS: dict[str, Callable[[], _Stream]] = {"gzip": _gzip, "x-gzip": _gzip, "deflate": _Deflate}
_ERRORS: tuple[type[Exception], ...] = (zlib.error,)
# Brotli before 1.2 cannot bound what it decompresses
if hasattr(getattr(_brotli, "Decompressor", None), "can_accept_more_data"):
    _STREAMS["br"] = _Brotli
    _ERRORS += (_brotli.error,)
if _zstd:
    _STREAMS["zstd"] = _zstd.ZstdDecompressor
    _ERRORS += (_zstd.ZstdError,)

SUPPORTED_CODINGS = tuple(_STREAMS)
"""The names of HTTP's content codings that can be decompressed; `br` and `zstd` need a package."""
