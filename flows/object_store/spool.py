"""What could not be uploaded, kept on this machine's disk until it can be."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

from flows.object_store.dated_objects import named_by_its_run
from flows.object_store.errors import StorageError
from flows.object_store.objects import StorableObject
from flows.object_store.spool_files import (
    ENTRY_SUFFIX,
    SpoolEntry,
    entry_file,
    read_entry,
    remove,
    remove_left_behind,
    short_name,
    write_whole,
)
from flows.object_store.store import ObjectStore


class SpoolError(Exception):
    """Data could not be kept in the spool; the message says why, in one line."""


class SpoolState(TypedDict):
    """What waits in the spool: objects, the bytes of all its files, and when the oldest came (UTC)."""

    objects: int
    bytes: int
    oldest: str | None


@dataclass(frozen=True)
class DrainReport:
    """What became of the spool's objects.

    Attributes:
        stored_uris: Those that are in the bucket now, and no longer in the spool.
        problems: Why the others are still there, a line each.
    """

    stored_uris: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class KeptObjects:
    """What the spool has taken of the objects of one API.

    Attributes:
        files: The bytes of those that it keeps.
        told: Where they are, or why they are not, for the reader.
        refusal: Why it does not keep all of them; None where it does.
    """

    files: tuple[Path, ...]
    told: str
    refusal: str | None


class Spool:
    """A folder of objects to be uploaded later, for several threads and processes at once.

    An object is two files: its bytes under a name of their own, and beside them a
    `….spooled.json` with bucket, key and metadata. That is written last and by renaming, so an entry
    that can be read has all its bytes.

    Args:
        folder: Where they are; made with the first object.
        max_bytes: What all its files may take.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder.absolute()
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def keep(self, storable: StorableObject, bucket: str) -> Path:
        """Keep an object, whole and on disk, once however often it is given.

        Returns:
            The file with its bytes.

        Raises:
            SpoolError: Where it would take the spool over its bound, or cannot be written.
        """
        body_file, digest = self._body_file(storable, bucket)
        entry = SpoolEntry(
            body_file,
            bucket,
            storable.key,
            storable.content_type,
            dict(storable.metadata),
            digest,
            datetime.now(UTC).isoformat(timespec="seconds"),
        )
        # one at a time, so that the bound holds
        with self._lock:
            if not entry_file(body_file).exists():
                self._check_room(len(storable.body))
                self._write(entry, storable.body)
        return body_file

    def keep_all(self, storables: Sequence[StorableObject], bucket: str) -> KeptObjects:
        """Keep as many of these objects as the spool takes; never raises for those it does not."""
        files: list[Path] = []
        refusal: str | None = None
        for storable in storables:
            try:
                files.append(self.keep(storable, bucket))
            except SpoolError as error:
                refusal = str(error)
        if refusal is None:
            told = f"kept in {files[0]}; the next run or `energy-pipeline drain` uploads it"
        elif files:
            told = (
                f"{len(files)} of {len(storables)} objects are kept, the first in {files[0]}; the next run "
                f"or `energy-pipeline drain` uploads them; the others are lost: {refusal}"
            )
        else:
            told = f"the data is lost: {refusal}"
        return KeptObjects(tuple(files), told, refusal)

    def discard(self, storable: StorableObject, bucket: str) -> None:
        """Remove an object that is stored after all; does nothing where it is not kept, or cannot go."""
        body_file, _ = self._body_file(storable, bucket)
        # not between the two files of one that is being kept; one that stays is found there when drained
        with self._lock, contextlib.suppress(OSError):
            remove(body_file)

    def entries(self) -> tuple[SpoolEntry, ...]:
        """The objects that wait, the oldest first; files that are no entries are left alone."""
        found = filter(None, map(read_entry, self.folder.glob(f"*{ENTRY_SUFFIX}")))
        return tuple(sorted(found, key=lambda entry: (entry.spooled_at, entry.key)))

    def state(self) -> SpoolState:
        """How much waits."""
        entries = self.entries()
        oldest = entries[0].spooled_at if entries else None
        return SpoolState(objects=len(entries), bytes=self._size(), oldest=oldest)

    def drain(self, store: ObjectStore) -> DrainReport:
        """Upload what waits for the store's bucket, and remove each object once it is there.

        What another process has drained meanwhile is there already, and is not stored again. A fault
        that the next object would meet as well ends the draining.
        """
        remove_left_behind(self.folder, time.time())
        stored: list[str] = []
        problems: list[str] = []
        entries = self.entries()
        for number, entry in enumerate(entries, 1):
            try:
                waiting = _storable_in(store.bucket, entry)
                there = store.store(named_by_its_run(waiting, datetime.now(UTC)))
            except SpoolError as error:
                # what is no longer there another process has drained
                if entry_file(entry.body_file).exists():
                    problems.append(str(error))
                continue
            except StorageError as error:
                problems.append(f"{error}; kept in {entry.body_file}")
                if error.retryable and number < len(entries):
                    problems.append(f"{len(entries) - number} further objects were not tried")
                    break
                continue
            stored.append(there.uri)
            remove(entry.body_file)
        return DrainReport(tuple(stored), tuple(problems))

    def _body_file(self, storable: StorableObject, bucket: str) -> tuple[Path, str]:
        digest = hashlib.sha256(storable.body).hexdigest()
        identity = hashlib.sha256("\0".join((bucket, storable.key, digest)).encode()).hexdigest()[:16]
        return self.folder / f"{identity}-{short_name(storable.key)}", digest

    def _check_room(self, more_bytes: int) -> None:
        size = self._size()
        if size + more_bytes > self._max_bytes:
            raise SpoolError(
                f"the spool {self.folder} holds {size / 1e6:.1f} MB and may hold {self._max_bytes / 1e6:g} "
                "(ENERGY_PIPELINE_MAX_SPOOL_MB)"
            )

    def _size(self) -> int:
        sizes = 0
        for file in filter(Path.is_file, self.folder.glob("*")):
            try:
                sizes += file.stat().st_size
            except FileNotFoundError:
                # drained meanwhile
                continue
        return sizes

    def _write(self, entry: SpoolEntry, body: bytes) -> None:
        described: dict[str, Any] = asdict(entry)
        described["body_file"] = entry.body_file.name
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(entry.body_file, body)
            try:
                write_whole(entry_file(entry.body_file), json.dumps(described, indent=2).encode())
            except BaseException:
                entry.body_file.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise SpoolError(f"the spool {self.folder} cannot be written: {error.strerror}") from None


def _storable_in(bucket: str, entry: SpoolEntry) -> StorableObject:
    if entry.bucket != bucket:
        raise SpoolError(
            f"{entry.body_file} waits for s3://{entry.bucket}, and this is s3://{bucket}: "
            f"`energy-pipeline drain --bucket {entry.bucket}` uploads it"
        )
    try:
        body = entry.body_file.read_bytes()
    except OSError as error:
        raise SpoolError(f"{entry.body_file} cannot be read: {error.strerror}") from None
    if hashlib.sha256(body).hexdigest() != entry.sha256:
        raise SpoolError(f"{entry.body_file} is not as it was written: it is left for you to look at")
    return StorableObject(entry.key, body, entry.content_type, entry.metadata)
