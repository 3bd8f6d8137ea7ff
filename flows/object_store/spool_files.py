"""The files of the spool: two for each object, each there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError

ENTRY_SUFFIX = ".spooled.json"
_DRAFT_SUFFIX = ".partial"
# what a process that was killed has left half written; a living one is done long before
_LEFT_BEHIND_SECONDS = 86_400
_OWN_NAME = re.compile(r"[0-9a-f]{16}-.*", re.DOTALL)


@dataclass(frozen=True)
class SpoolEntry:
    """An object that waits to be uploaded.

    Attributes:
        body_file: Its bytes, as they are to be stored.
        bucket: The bucket it was for.
        key: Relative to the bucket folder.
        content_type: Its media type.
        metadata: Its user metadata.
        sha256: Of its bytes.
        spooled_at: When it was put here (ISO 8601, UTC).
        bucket_folder: That of the block it was for; None for whichever uploads it.
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


def entry_file(body_file: Path) -> Path:
    """Where the bucket, key and metadata of an object's bytes are."""
    return body_file.with_name(body_file.name + ENTRY_SUFFIX)


def remove(body_file: Path) -> None:
    """Remove an object; does nothing where there is none."""
    # the entry first: bytes without one are no object
    entry_file(body_file).unlink(missing_ok=True)
    body_file.unlink(missing_ok=True)


def short_name(key: str) -> str:
    """The end of a key, for people who look into the folder."""
    # file systems take names of 255 bytes, and ours has further parts
    return PurePosixPath(key).name.encode()[-150:].decode(errors="ignore")


def write_whole(file: Path, content: bytes) -> None:
    """Write a file so that it is there whole, even after a power cut, or not at all."""
    draft = file.with_name(f"{file.name}.{os.getpid()}{_DRAFT_SUFFIX}")
    try:
        with draft.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def written_entry(entry: SpoolEntry) -> bytes:
    """An entry as its file holds it; the folder may be moved."""
    return _ENTRY.dump_json(replace(entry, body_file=Path(entry.body_file.name)), indent=2)


def read_entry(file: Path) -> SpoolEntry | None:
    """The entry that a file holds; None where it holds none, or is gone."""
    try:
        found = _ENTRY.validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
    entry = replace(found, body_file=file.parent / found.body_file)
    return entry if entry_file(entry.body_file) == file else None


def unreadable_entries(folder: Path) -> list[Path]:
    """The files of entries that are not as they were written, those of other programs left aside."""
    own = (file for file in folder.glob(f"*{ENTRY_SUFFIX}") if _OWN_NAME.fullmatch(file.name))
    return sorted(file for file in own if read_entry(file) is None and file.exists())


def remove_left_behind(folder: Path, now: float) -> None:
    """Remove what killed processes have left half written, which would use up the spool's bound.

    Args:
        folder: Of the spool; files that are not its own are left alone.
        now: In seconds since the epoch.
    """
    for file in folder.glob("*"):
        if not _OWN_NAME.fullmatch(file.name) or file.name.endswith(ENTRY_SUFFIX):
            continue
        # drained by another process meanwhile, or not ours to remove
        with contextlib.suppress(OSError):
            is_old = now - file.stat().st_mtime > _LEFT_BEHIND_SECONDS
            if is_old and not entry_file(file).exists():
                file.unlink()
