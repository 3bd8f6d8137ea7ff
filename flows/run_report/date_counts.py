"""REPORT: what became of the hours, days, months or years that were asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict


class WindowFailure(TypedDict):
    """Dates that failed alike, as their objects are named (`20240101..20240131` for several), and why."""

    dates: str
    error: str


class WindowCounts(TypedDict):
    """What became of the hours, days, months or years that were asked for; all but `planned` add up to it."""

    planned: int
    already_stored: int
    stored: int
    empty: int
    failed: int
    not_tried: int
    failures: list[WindowFailure]


def joined_windows(several: Iterable[WindowCounts]) -> WindowCounts:
    """The dates of several APIs, or of several parts of one, as if they were of one."""
    joined = WindowCounts(planned=0, already_stored=0, stored=0, empty=0, failed=0, not_tried=0, failures=[])
    for windows in several:
        for name in ("planned", "already_stored", "stored", "empty", "failed", "not_tried"):
            joined[name] += windows[name]
        joined["failures"] += windows["failures"]
    return joined


def windows_text(windows: WindowCounts) -> str:
    """What became of the dates that were asked for, in words: `2 of 5 stored, 3 of 5 were stored before`."""
    words = {
        "stored": windows["stored"],
        "were stored before": windows["already_stored"],
        "empty": windows["empty"],
        "failed": windows["failed"],
        "not asked for": windows["not_tried"],
    }
    planned = windows["planned"]
    told = ", ".join(f"{count} of {planned} {word}" for word, count in words.items() if count)
    return told or "no dates to collect"
