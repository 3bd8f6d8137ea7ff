"""ZIP archives to the documents in them, up to a size."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import Literal, cast

from flows.documents.errors import DocumentError, show_head

MemberFormat = Literal["csv", "xml", "json"]
_READABLE = (".csv", ".xml", ".json")
# where macOS puts metadata of each file, under the file's name
_METADATA_FOLDER = "__MACOSX/"
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class Member:
    """One document of an archive."""

    name: str
    body: bytes = field(repr=False)

    @property
    def format(self) -> MemberFormat:
        """Its format, by the ending of its name."""
        return cast("MemberFormat", self.name.rpartition(".")[2].lower())


def archive_members(body: bytes, max_bytes: int) -> tuple[Member, ...]:
    """Unpack the CSV, XML and JSON documents of an archive, in its order; other members are left out.

    Args:
        body: The archive; an empty body has no members.
        max_bytes: The most that all documents may have together, unpacked.

    Raises:
        DocumentError: For anything that is not a sound archive, encrypted documents, an archive without
            documents, and more than `max_bytes`.
    """
    if not body.strip():
        return ()
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return _members(archive, max_bytes)
    except zipfile.BadZipFile as error:
        message = f"not a sound ZIP archive ({error}); the body begins: {show_head(body)}"
        raise DocumentError(message) from None
    except (zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        if isinstance(error, DocumentError):
            raise
        raise DocumentError(f"a ZIP archive that cannot be unpacked: {error}") from None


def _members(archive: zipfile.ZipFile, max_bytes: int) -> tuple[Member, ...]:
    members: list[Member] = []
    bytes_left = max_bytes
    for info in archive.infolist():
        if not info.filename.lower().endswith(_READABLE) or info.filename.startswith(_METADATA_FOLDER):
            continue
        if info.flag_bits & _ENCRYPTED:
            raise DocumentError(f"the document {info.filename} of the ZIP archive is encrypted")
        with archive.open(info) as document:
            content = document.read(bytes_left + 1)
        bytes_left -= len(content)
        if bytes_left < 0:
            raise too_large(max_bytes)
        members.append(Member(info.filename, content))
    if not members:
        held = ", ".join(archive.namelist()[:5]) or "nothing"
        raise DocumentError(f"the ZIP archive holds no .csv, .xml or .json document, but {held}")
    return tuple(members)


def too_large(max_bytes: int) -> DocumentError:
    """Return the error of an archive that unpacks to more than `max_bytes`."""
    return DocumentError(f"the ZIP archive unpacks to more than {max_bytes / 1e6:g} MB")
