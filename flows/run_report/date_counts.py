"""REPORT: counts of the units of past dates by outcome. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict


class WindowFailure(TypedDict):
    """Consecutive windows that failed with the same error.

    `dates` is the date of a window as in the key of its object, or the first and the last of several:
    `20240101..20240131`.
    """

    dates: str
    error: str


class WindowCounts(TypedDict):
    """Number of requested units by outcome; the others add up to `planned`.

    `without_rows` are units of stored windows of several units that have no row, and will be asked for again;
    `dates_without_rows` names them as `WindowFailure.dates` does.
    """

    planned: int
    already_stored: int
    stored: int
    empty: int
    without_rows: int
    failed: int
    not_tried: int
    dates_without_rows: list[str]
    failures: list[WindowFailure]


def joined_windows(several: Iterable[WindowCounts]) -> WindowCounts:
    """Add up the counts of several APIs and concatenate their failures."""
    joined = WindowCounts(
        planned=0,
        already_stored=0,
        stored=0,
        empty=0,
        without_rows=0,
        failed=0,
        not_tried=0,
        dates_without_rows=[],
        failures=[],
    )
    for windows in several:
        for name in ("planned", "already_stored", "stored", "empty", "without_rows", "failed", "not_tried"):
            joined[name] += windows[name]
        joined["dates_without_rows"] += windows["dates_without_rows"]
        joined["failures"] += windows["failures"]
    return joined


def windows_text(windows: WindowCounts) -> str:
    """The counts in words: `2 of 5 stored, 3 of 5 already stored`."""
    words = {
        "stored": windows["stored"],
        "already stored": windows["already_stored"],
        "empty": windows["empty"],
        "without rows": windows["without_rows"],
        "failed": windows["failed"],
        "not tried": windows["not_tried"],
    }
    planned = windows["planned"]
    text = ", ".join(f"{count} of {planned} {word}" for word, count in words.items() if count)
    return text or "no dates to collect"
