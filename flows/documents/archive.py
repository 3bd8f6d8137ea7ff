"""ZIP archives, and archives and gzip files in them, to the documents that they hold, up to a size."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from flows.documents.body_format import is_gzip, is_zip, text_format
from flows.documents.compression import CompressionError, TooLargeError, gunzip
from flows.documents.errors import DocumentError, show_head, show_name

if TYPE_CHECKING:
    from collections.abc import Iterator

MemberFormat = Literal["csv", "xml", "json"]
_DOCUMENTS: dict[str, MemberFormat] = {"csv": "csv", "xml": "xml", "json": "json"}
_READ = {*_DOCUMENTS, "zip", "gz"}
# where macOS puts metadata of each file, under the file's name
_METADATA_FOLDER = "__MACOSX/"
_OFFICE_MEMBER = "[Content_Types].xml"
_ENCRYPTED = 0x1
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ"}
# zipfile does not bound what the other methods unpack: 4.7 kB took 12.5 GB
_BOUNDED_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_MAX_DEPTH = 4
_MAX_FILES = 20_000
_DIRECTORY_ENTRY = b"PK\x01\x02"
_UNREADABLE = (zlib.error, struct.error, EOFError, NotImplementedError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Member:
    """One document of an archive.

    Attributes:
        name: Its name, after those of the archives that it is in: `2024.zip/january.csv`.
        body: Its bytes, unpacked.
        format: Its format, by the ending of its name.
    """

    name: str
    body: bytes = field(repr=False)
    format: MemberFormat


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive holds.

    Attributes:
        members: Its CSV, XML and JSON documents, in its order, with those of archives and gzip files in it.
        left_out: The names of its other files, which are not read.
    """

    members: tuple[Member, ...]
    left_out: tuple[str, ...]


def read_archive(body: bytes, max_bytes: int) -> Archive:
    """Unpack the documents of a ZIP archive or a gzip file.

    Args:
        body: The archive; an empty body has no members.
        max_bytes: The most that all files that are read may have together, unpacked.

    Raises:
        DocumentError: For anything that is not a sound archive, encrypted documents, methods other than
            stored and deflated, archives in each other `_MAX_DEPTH` times, more than `_MAX_FILES` files, an
            archive without documents, and more than `max_bytes`.
    """
    if not body.strip():
        return Archive((), ())
    unpacking = _Unpacking(max_bytes)
    members = tuple(unpacking.documents("", body, 0))
    if not members:
        held = ", ".join(show_name(name) or "other data" for name in unpacking.left_out[:5]) or "nothing"
        raise DocumentError(f"the ZIP archive holds no .csv, .xml or .json document, but {held}")
    return Archive(members, tuple(unpacking.left_out))


def too_large(max_bytes: int) -> DocumentError:
    """Return the error of an archive that unpacks to more than `max_bytes`."""
    return DocumentError(f"the ZIP archive unpacks to more than {max_bytes / 1e6:g} MB")


class _Unpacking:
    """Reads an archive and those in it, and counts what it has unpacked."""

    def __init__(self, max_bytes: int) -> None:
        self.left_out: list[str] = []
        self._max_bytes = max_bytes
        self._bytes_left = max_bytes

    def documents(self, name: str, body: bytes, depth: int) -> Iterator[Member]:
        """The documents in a file: itself, or those that it holds.

        Args:
            name: Its name; "" for the response itself.
            body: Its bytes.
            depth: How many archives and gzip files it is in.
        """
        if depth > _MAX_DEPTH:
            raise DocumentError(f"{show_name(name)} is packed more than {_MAX_DEPTH} times")
        if is_gzip(body):
            yield from self.documents(_without_gz(name), self._gunzipped(name, body), depth + 1)
        elif is_zip(body) or _ending(name) == "zip" or not depth:
            yield from self._unzipped(name, body, depth)
        else:
            form = _DOCUMENTS.get(_ending(_without_gz(name))) or text_format(body)
            if form:
                yield Member(name, body, form)
            else:
                self.left_out.append(name)

    def _gunzipped(self, name: str, body: bytes) -> bytes:
        try:
            plain = gunzip(body, self._bytes_left)
        except CompressionError as error:
            which = show_name(name) or "of the response"
            raise DocumentError(f"the gzip file {which} cannot be unpacked: {error}") from None
        except TooLargeError:
            raise too_large(self._max_bytes) from None
        self._bytes_left -= len(plain)
        return plain

    def _unzipped(self, name: str, body: bytes, depth: int) -> Iterator[Member]:
        which = f"{show_name(name)}: " if name else ""
        # each costs half a kilobyte before anything is read
        if body.count(_DIRECTORY_ENTRY) > _MAX_FILES:
            raise DocumentError(f"{which}a ZIP archive of more than {_MAX_FILES:,} files")
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                if _OFFICE_MEMBER in archive.namelist():
                    raise DocumentError(f"{which}an Office document, which is not read")
                for info in archive.infolist():
                    full_name = f"{name}/{info.filename}" if name else info.filename
                    if self._is_read(info, full_name):
                        yield from self.documents(full_name, self._read(archive, info, full_name), depth + 1)
        except zipfile.BadZipFile as error:
            message = f"{which}not a sound ZIP archive ({error}); the body begins: {show_head(body)}"
            raise DocumentError(message) from None
        except _UNREADABLE as error:
            if isinstance(error, DocumentError):
                raise
            raise DocumentError(f"{which}a ZIP archive that cannot be unpacked: {error}") from None

    def _is_read(self, info: zipfile.ZipInfo, full_name: str) -> bool:
        if info.is_dir() or info.filename.startswith(_METADATA_FOLDER):
            return False
        if _ending(info.filename) in _READ:
            return True
        self.left_out.append(full_name)
        return False

    def _read(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, full_name: str) -> bytes:
        if info.flag_bits & _ENCRYPTED:
            raise DocumentError(f"the document {show_name(full_name)} of the ZIP archive is encrypted")
        if info.compress_type not in _BOUNDED_METHODS:
            method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
            raise DocumentError(
                f"the document {show_name(full_name)} of the ZIP archive is compressed by {method}, which is "
                "not read: only stored and deflated documents are"
            )
        with archive.open(info) as file:
            content = file.read(self._bytes_left + 1)
        self._bytes_left -= len(content)
        if self._bytes_left < 0:
            raise too_large(self._max_bytes)
        return content


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _without_gz(name: str) -> str:
    return name[:-3] if name.lower().endswith(".gz") else name
