"""The spool: a folder through which every object goes on its way to the bucket."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flows.object_store.dated_objects import named_by_its_run
from flows.object_store.errors import StorageError
from flows.object_store.objects import StorableObject, StoredObject
from flows.object_store.spool_files import (
    ENTRY_SUFFIX,
    SpooledObject,
    SpoolEntry,
    claim,
    entry_file,
    is_being_uploaded,
    read_entry,
    remove_left_behind,
    short_name,
    unreadable_entries,
    write_object,
)
from flows.object_store.spool_reports import DrainReport, KeptObjects, SpoolError, SpoolState
from flows.object_store.store import ObjectStore


class Spool:
    """A folder of objects to be uploaded, for several threads and processes at once.

    Every object is written here first, then uploaded, then removed here (a transactional outbox), so that
    whatever ends a process, the next run or `drain` uploads what it had tabulated. An object is two
    files: its bytes, and a `….spooled.json` with bucket, key and metadata, which is renamed into place
    last and stays locked while its process is running.

    Args:
        folder: The folder; made with the first object.
        max_bytes: The most that all its files may take.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder.absolute()
        self._max_bytes = max_bytes
        self._being_written = 0
        self._lock = threading.Lock()

    def keep(self, storable: StorableObject, bucket: str, bucket_folder: str = "") -> SpooledObject:
        """Write an object to disk and lock it; the same object is there once, however often it is kept.

        Where another process uploads the same object, the two share its files: whichever stores it
        first removes them.

        Args:
            storable: The object.
            bucket: The bucket to upload it to.
            bucket_folder: The block's bucket folder, to which its key is relative.

        Raises:
            SpoolError: The spool would exceed its bound, or cannot be written.
        """
        digest = storable.metadata.get("sha256") or hashlib.sha256(storable.body).hexdigest()
        place = "\0".join((bucket, bucket_folder, storable.key, digest))
        identity = hashlib.sha256(place.encode()).hexdigest()[:16]
        entry = SpoolEntry(
            self.folder / f"{identity}-{short_name(storable.key)}",
            bucket,
            storable.key,
            storable.content_type,
            dict(storable.metadata),
            digest,
            datetime.now(UTC).isoformat(timespec="seconds"),
            bucket_folder,
        )
        try:
            with self._room_for(entry.body_file, len(storable.body)):
                return write_object(entry, storable.body)
        except OSError as error:
            raise SpoolError(f"the spool {self.folder} cannot be written: {error.strerror}") from None

    def keep_all(
        self, storables: Sequence[StorableObject], bucket: str, bucket_folder: str = ""
    ) -> KeptObjects:
        """Keep as many of these objects as the spool takes; the result says which it refused."""
        kept: list[SpooledObject] = []
        refusal: str | None = None
        for storable in storables:
            try:
                kept.append(self.keep(storable, bucket, bucket_folder))
            except SpoolError as error:
                refusal = str(error)
        if refusal is None:
            message = f"kept in {kept[0].body_file}; the next run or `energy-pipeline drain` uploads it"
        elif kept:
            message = (
                f"{len(kept)} of {len(storables)} objects are kept, the first in {kept[0].body_file}; the "
                f"next run or `energy-pipeline drain` uploads them; the others are lost: {refusal}"
            )
        else:
            message = f"the data is lost: {refusal}"
        return KeptObjects(tuple(kept), message, refusal)

    def entries(self) -> tuple[SpoolEntry, ...]:
        """The objects in the spool, the oldest first; files that are no entries are ignored."""
        found = filter(None, map(read_entry, self.folder.glob(f"*{ENTRY_SUFFIX}")))
        return tuple(sorted(found, key=lambda entry: (entry.spooled_at, entry.key)))

    def refusal(self) -> str | None:
        """Why the folder cannot be written, as far as that shows beforehand; None where it can."""
        try:
            nearest = next(folder for folder in (self.folder, *self.folder.parents) if _exists(folder))
            if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
                return None
        except OSError:
            # it cannot be read either
            pass
        return f"the spool {self.folder} cannot be written (ENERGY_PIPELINE_SPOOL_DIR)"

    def state(self) -> SpoolState:
        """What waits to be uploaded, without what a running process is uploading."""
        waiting = [entry for entry in self.entries() if not is_being_uploaded(entry.body_file)]
        return SpoolState(
            objects=len(waiting),
            bytes=self._size(),
            oldest=waiting[0].spooled_at if waiting else None,
            unreadable=len(unreadable_entries(self.folder)),
        )

    def drain(self, store: ObjectStore) -> DrainReport:
        """Upload what waits for the store's bucket, and remove each object once it is stored.

        Objects that another process is uploading are left to it. An object that a killed process had
        uploaded but not removed is found in the bucket and not stored again. An error that the next
        object would meet as well ends the draining.
        """
        remove_left_behind(self.folder, time.time())
        stored: list[str] = []
        superseded: list[str] = []
        problems = [_damaged(file) for file in unreadable_entries(self.folder)]
        entries = self.entries()
        for number, entry in enumerate(entries, 1):
            try:
                uploaded = _upload(entry, store)
            except SpoolError as error:
                problems.append(str(error))
            except StorageError as error:
                problems.append(f"{error}; kept in {entry.body_file}")
                if error.retryable and number < len(entries):
                    problems.append(f"{len(entries) - number} further objects were not tried")
                    break
            else:
                if uploaded:
                    (superseded if uploaded.is_late else stored).append(uploaded.uri)
        return DrainReport(tuple(stored), tuple(superseded), tuple(problems))

    @contextmanager
    def _room_for(self, file: Path, size: int) -> Iterator[None]:
        """Reserve room for a file while it is written.

        Raises:
            SpoolError: There is not enough.
        """
        with self._lock:
            held = self._size(without=file) + self._being_written
            if held + size > self._max_bytes:
                raise SpoolError(
                    f"the spool {self.folder} holds {held / 1e6:.1f} MB and may hold "
                    f"{self._max_bytes / 1e6:g} (ENERGY_PIPELINE_MAX_SPOOL_MB)"
                )
            self._being_written += size
        try:
            yield
        finally:
            with self._lock:
                self._being_written -= size

    def _size(self, without: Path | None = None) -> int:
        try:
            files = list(os.scandir(self.folder))
        except OSError:
            # it is made with the first object
            return 0
        size = 0
        for file in files:
            # another process may remove it meanwhile
            with contextlib.suppress(FileNotFoundError):
                if file.is_file() and file.name != (without and without.name):
                    size += file.stat().st_size
        return size


def _upload(entry: SpoolEntry, store: ObjectStore) -> StoredObject | None:
    """Store one object of the spool and remove it there; None where another process does."""
    if entry.bucket != store.bucket:
        raise SpoolError(
            f"{entry.body_file} waits for s3://{entry.bucket}, and this is s3://{store.bucket}: "
            f"`energy-pipeline drain --bucket {entry.bucket}` uploads it; to give it up, remove that file "
            "and the one beside it"
        )
    try:
        claimed = claim(entry.body_file)
    except OSError as error:
        raise SpoolError(f"{entry_file(entry.body_file)} cannot be opened: {error.strerror}") from None
    if claimed is None:
        return None
    try:
        waiting = _read(entry)
        place = store if entry.bucket_folder is None else store.in_folder(entry.bucket_folder)
        named = named_by_its_run(waiting, datetime.now(UTC))
        # one that was uploaded before it got another name is not to be stored under both
        uploaded_before = place.find(waiting) if named.key != waiting.key else None
        stored = uploaded_before or place.store(named)
        claimed.discard()
    finally:
        claimed.release()
    return stored


def _read(entry: SpoolEntry) -> StorableObject:
    try:
        body = entry.body_file.read_bytes()
    except OSError as error:
        raise SpoolError(f"{entry.body_file} cannot be read: {error.strerror}") from None
    if hashlib.sha256(body).hexdigest() != entry.sha256:
        raise SpoolError(_damaged(entry.body_file))
    return StorableObject(entry.key, body, entry.content_type, entry.metadata)


def _exists(folder: Path) -> bool:
    """Like `Path.exists`, which since Python 3.14 also returns false for a folder that cannot be read."""
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _damaged(file: Path) -> str:
    return f"{file} is not as it was written: it is left for you to look at, or to remove"
