"""What the spool says of what it holds and of what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict


class SpoolError(Exception):
    """Data could not be kept in the spool; the message says why, in one line."""


class SpoolState(TypedDict):
    """What waits in the spool: objects, the bytes of all its files, and when the oldest came (UTC).

    `unreadable` are entries that are not as they were written.
    """

    objects: int
    bytes: int
    oldest: str | None
    unreadable: int


@dataclass(frozen=True)
class DrainReport:
    """What became of the spool's objects.

    Attributes:
        stored_uris: Those that are in the bucket now, and no longer in the spool.
        superseded_uris: Those in whose place the bucket has what was collected later; they are gone.
        problems: Why the others are still there, a line each.
    """

    stored_uris: tuple[str, ...]
    superseded_uris: tuple[str, ...]
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
