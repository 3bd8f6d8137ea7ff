"""The files of the spool: two for each object, each there whole or not at all, and the lock on them."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where entries are not locked
    fcntl = None  # type: ignore[assignment]

ENTRY_SUFFIX = ".spooled.json"
_DRAFT_SUFFIX = ".partial"
# a running process finishes writing a file long before
_LEFT_BEHIND_SECONDS = 86_400
_OWN_NAME = re.compile(r"[0-9a-f]{16}-.*", re.DOTALL)


@dataclass(frozen=True)
class SpoolEntry:
    """An object that waits to be uploaded.

    Attributes:
        body_file: The file with its bytes, as they are to be stored.
        bucket: The bucket to upload it to.
        key: Its key, relative to the bucket folder.
        content_type: Its media type.
        metadata: Its user metadata.
        sha256: SHA-256 of its bytes, in hexadecimal.
        spooled_at: When it was written here (ISO 8601, UTC).
        bucket_folder: The bucket folder of the block it was written for; None for that of the block
            that uploads it.
    """

    body_file: Path = field(repr=False)
    bucket: str
    key: str
    content_type: str
    metadata: dict[str, str]
    sha256: str
    spooled_at: str
    bucket_folder: str | None = None


_ENTRY = TypeAdapter(SpoolEntry)


class SpooledObject:
    """An object in the spool that this process is uploading.

    A lock on its entry keeps other processes and runs from uploading it too. The operating system
    releases the lock when the process ends, also by SIGKILL.

    Args:
        body_file: The file with its bytes.
        locked_file: Its entry's file, open and locked.
    """

    def __init__(self, body_file: Path, locked_file: BinaryIO) -> None:
        self.body_file = body_file
        self._locked_file = locked_file

    def discard(self) -> None:
        """Remove the object, which is stored; where that fails, the next drain finds it stored."""
        with contextlib.suppress(OSError):
            remove(self.body_file)
        self._locked_file.close()

    def release(self) -> None:
        """Leave the object to the next run or drain, on disk: it also survives a power failure from here on.

        Flushing every object when it is written would cost a third of the time of a large backfill.
        """
        with contextlib.suppress(OSError):
            for file in (self.body_file, entry_file(self.body_file), self.body_file.parent):
                _sync(file)
        self._locked_file.close()


def entry_file(body_file: Path) -> Path:
    """The file with the bucket, key and metadata of an object."""
    return body_file.with_name(body_file.name + ENTRY_SUFFIX)


def write_object(entry: SpoolEntry, body: bytes) -> SpooledObject:
    """Write both files of an object, so that its entry appears last, and locked.

    Raises:
        OSError: The folder cannot be written or is full; neither file is left.
    """
    entry.body_file.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write_whole(entry.body_file, body).close()
        locked_file = _write_whole(entry_file(entry.body_file), _written(entry))
    except BaseException:
        remove(entry.body_file)
        raise
    return SpooledObject(entry.body_file, locked_file)


def claim(body_file: Path) -> SpooledObject | None:
    """Lock an object of the spool; None where another process uploads it or has removed it.

    Raises:
        OSError: Its entry cannot be opened.
    """
    try:
        # an exclusive lock over NFS needs a file that is open for writing
        opened = entry_file(body_file).open("r+b")
    except FileNotFoundError:
        return None
    if _lock(opened) and os.fstat(opened.fileno()).st_nlink:
        return SpooledObject(body_file, opened)
    opened.close()
    return None


def is_being_uploaded(body_file: Path) -> bool:
    """Whether a running process has locked the object."""
    try:
        with entry_file(body_file).open("rb") as opened:
            return not _lock(opened, is_shared=True)
    except OSError:
        return False


def remove(body_file: Path) -> None:
    """Remove both files of an object; does nothing where there are none."""
    # the entry first: a body without an entry is no object
    entry_file(body_file).unlink(missing_ok=True)
    body_file.unlink(missing_ok=True)


def short_name(key: str) -> str:
    """The end of a key, for people who look into the folder."""
    # file systems take names of 255 bytes, of which we need some for other parts
    return PurePosixPath(key).name.encode()[-150:].decode(errors="ignore")


def read_entry(file: Path) -> SpoolEntry | None:
    """The entry in a file; None where it cannot be read or is not valid."""
    try:
        found = _ENTRY.validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
    entry = replace(found, body_file=file.parent / found.body_file)
    return entry if entry_file(entry.body_file) == file else None


def unreadable_entries(folder: Path) -> list[Path]:
    """The entry files of the spool that are damaged; files of other programs are ignored."""
    own = (file for file in folder.glob(f"*{ENTRY_SUFFIX}") if _OWN_NAME.fullmatch(file.name))
    return sorted(file for file in own if read_entry(file) is None and file.exists())


def remove_left_behind(folder: Path, now: float) -> None:
    """Remove files that killed processes left unfinished, since they count towards the spool's bound.

    Args:
        folder: The spool; files that are not its own are ignored.
        now: Seconds since the epoch.
    """
    for file in folder.glob("*"):
        if not _OWN_NAME.fullmatch(file.name) or file.name.endswith(ENTRY_SUFFIX):
            continue
        # another process may have removed it, or we may not be allowed to
        with contextlib.suppress(OSError):
            is_old = now - file.stat().st_mtime > _LEFT_BEHIND_SECONDS
            if is_old and not entry_file(file).exists():
                file.unlink()


def _written(entry: SpoolEntry) -> bytes:
    # with the name alone, so that the folder can be moved
    return _ENTRY.dump_json(replace(entry, body_file=Path(entry.body_file.name)), indent=2)


def _write_whole(file: Path, content: bytes) -> BinaryIO:
    """Write a file that appears whole or not at all; it stays open, locked."""
    draft = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}{_DRAFT_SUFFIX}")
    opened = draft.open("wb")
    try:
        # before it appears under its name, where another process could lock it first
        _lock(opened)
        opened.write(content)
        opened.flush()
        draft.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            opened.close()
        draft.unlink(missing_ok=True)
        raise
    return opened


def _sync(file: Path) -> None:
    """Flush a file to the disk, or the names in a folder, which need a flush of their own."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(opened: BinaryIO, *, is_shared: bool = False) -> bool:
    """Lock an open file until it is closed; False where another open file of it holds a lock."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(opened, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # a file system without locks: two processes may then upload the same object, which stores it once
        return True
    return True
