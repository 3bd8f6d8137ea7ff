"""What could not be uploaded, kept on this machine's disk until it can be."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

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
    unreadable_entries,
    write_whole,
    written_entry,
)
from flows.object_store.spool_reports import DrainReport, KeptObjects, SpoolError, SpoolState
from flows.object_store.store import ObjectStore


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

    def keep(self, storable: StorableObject, bucket: str, bucket_folder: str = "") -> Path:
        """Keep an object, whole and on disk, once however often it is given.

        Args:
            storable: The object.
            bucket: Where it is to go.
            bucket_folder: Of the block it is for, to which its key is relative.

        Returns:
            The file with its bytes.

        Raises:
            SpoolError: Where it would take the spool over its bound, or cannot be written.
        """
        body_file, digest = self._body_file(storable, bucket, bucket_folder)
        entry = SpoolEntry(
            body_file,
            bucket,
            storable.key,
            storable.content_type,
            dict(storable.metadata),
            digest,
            datetime.now(UTC).isoformat(timespec="seconds"),
            bucket_folder,
        )
        # one at a time, so that the bound holds
        with self._lock:
            if read_entry(entry_file(body_file)) is None or not _holds(body_file, storable.body):
                self._check_room(len(storable.body))
                self._write(entry, storable.body)
        return body_file

    def keep_all(
        self, storables: Sequence[StorableObject], bucket: str, bucket_folder: str = ""
    ) -> KeptObjects:
        """Keep as many of these objects as the spool takes; never raises for those it does not."""
        files: list[Path] = []
        refusal: str | None = None
        for storable in storables:
            try:
                files.append(self.keep(storable, bucket, bucket_folder))
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

    def discard(self, storable: StorableObject, bucket: str, bucket_folder: str = "") -> None:
        """Remove an object that is stored after all; does nothing where it is not kept, or cannot go."""
        body_file, _ = self._body_file(storable, bucket, bucket_folder)
        # not between the two files of one that is being kept; one that stays is found there when drained
        with self._lock, contextlib.suppress(OSError):
            remove(body_file)

    def entries(self) -> tuple[SpoolEntry, ...]:
        """The objects that wait, the oldest first; files that are no entries are left alone."""
        found = filter(None, map(read_entry, self.folder.glob(f"*{ENTRY_SUFFIX}")))
        return tuple(sorted(found, key=lambda entry: (entry.spooled_at, entry.key)))

    def refusal(self) -> str | None:
        """Why nothing could be kept here, as far as that can be told; None where it could."""
        try:
            nearest = next(folder for folder in (self.folder, *self.folder.parents) if folder.exists())
            if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
                return None
        except OSError:
            # nor can it be looked at
            pass
        return f"the spool {self.folder} cannot be written (ENERGY_PIPELINE_SPOOL_DIR)"

    def state(self) -> SpoolState:
        """How much waits."""
        entries = self.entries()
        oldest = entries[0].spooled_at if entries else None
        return SpoolState(
            objects=len(entries),
            bytes=self._size(),
            oldest=oldest,
            unreadable=len(unreadable_entries(self.folder)),
        )

    def drain(self, store: ObjectStore) -> DrainReport:
        """Upload what waits for the store's bucket, and remove each object once it is there.

        What another process has drained meanwhile is there already, and is not stored again. A fault
        that the next object would meet as well ends the draining.
        """
        remove_left_behind(self.folder, time.time())
        stored: list[str] = []
        superseded: list[str] = []
        problems = [
            f"{file} is not as it was written: it is left for you to look at, or to remove"
            for file in unreadable_entries(self.folder)
        ]
        entries = self.entries()
        for number, entry in enumerate(entries, 1):
            try:
                waiting = _storable_in(store.bucket, entry)
                place = store if entry.bucket_folder is None else store.in_folder(entry.bucket_folder)
                there = place.store(named_by_its_run(waiting, datetime.now(UTC)))
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
            (superseded if there.is_late else stored).append(there.uri)
            remove(entry.body_file)
        return DrainReport(tuple(stored), tuple(superseded), tuple(problems))

    def _body_file(self, storable: StorableObject, bucket: str, bucket_folder: str) -> tuple[Path, str]:
        digest = hashlib.sha256(storable.body).hexdigest()
        place = "\0".join((bucket, bucket_folder, storable.key, digest))
        identity = hashlib.sha256(place.encode()).hexdigest()[:16]
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
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(entry.body_file, body)
            try:
                write_whole(entry_file(entry.body_file), written_entry(entry))
            except BaseException:
                entry.body_file.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise SpoolError(f"the spool {self.folder} cannot be written: {error.strerror}") from None


def _holds(file: Path, content: bytes) -> bool:
    try:
        return file.read_bytes() == content
    except OSError:
        return False


def _storable_in(bucket: str, entry: SpoolEntry) -> StorableObject:
    if entry.bucket != bucket:
        raise SpoolError(
            f"{entry.body_file} waits for s3://{entry.bucket}, and this is s3://{bucket}: "
            f"`energy-pipeline drain --bucket {entry.bucket}` uploads it; to give it up, remove that file "
            "and the one beside it"
        )
    try:
        body = entry.body_file.read_bytes()
    except OSError as error:
        raise SpoolError(f"{entry.body_file} cannot be read: {error.strerror}") from None
    if hashlib.sha256(body).hexdigest() != entry.sha256:
        raise SpoolError(
            f"{entry.body_file} is not as it was written: it is left for you to look at, or to remove"
        )
    return StorableObject(entry.key, body, entry.content_type, entry.metadata)
