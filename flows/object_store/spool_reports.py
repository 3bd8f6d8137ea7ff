"""Reports of the spool: its state, the objects it has kept, and the outcome of draining it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from flows.object_store.spool_files import SpooledObject


class SpoolError(Exception):
    """An object could not be written to the spool or read from it; the message says why, in one line."""


class SpoolState(TypedDict):
    """The state of the spool.

    `objects` wait to be uploaded, those that a running process is uploading not counted; `oldest` is
    when the first of them was written (ISO 8601, UTC); `bytes` is the size of all files in the folder;
    `unreadable` counts damaged entries.
    """

    objects: int
    bytes: int
    oldest: str | None
    unreadable: int


@dataclass(frozen=True)
class DrainReport:
    """The outcome of draining the spool.

    Attributes:
        stored_uris: Objects that are in the bucket now and no longer in the spool.
        superseded_uris: Objects that were removed without an upload, since the bucket holds a later
            collection of the same window.
        problems: Why the others are still in the spool, a line each.
    """

    stored_uris: tuple[str, ...]
    superseded_uris: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class KeptObjects:
    """The objects of one API in the spool.

    Attributes:
        objects: Those that the spool has taken.
        message: Which file keeps the data, or why none does, should the upload fail.
        refusal: Why the spool has not taken all of them; None where it has.
    """

    objects: Sequence[SpooledObject]
    message: str
    refusal: str | None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files with the bytes of the objects."""
        return tuple(each.body_file for each in self.objects)

    def discard(self) -> None:
        """Remove the objects, which are stored."""
        for each in self.objects:
            each.discard()

    def release(self) -> None:
        """Leave the objects to the next run or drain."""
        for each in self.objects:
            each.release()
