"""Keeps the results of the last run on this machine, for `energy-pipeline status`."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import cast

from flows.run_report.results import RunResults

logger = logging.getLogger(__name__)

_FILE_NAME = "last-run.json"


def keep_results(state_dir: Path, results: RunResults) -> None:
    """Write the results of a run to the state folder; logs a warning if the disk is full or read-only."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        draft = state_dir / f"{_FILE_NAME}.{results['run_id']}"
        draft.write_text(json.dumps(results, indent=2), encoding="utf-8")
        draft.replace(state_dir / _FILE_NAME)
    except OSError as error:
        logger.warning("the results of the run were not saved in %s: %s", state_dir, error.strerror)


def last_results(state_dir: Path) -> RunResults | None:
    """The results of the last run on this machine; None if there are none or they cannot be read."""
    try:
        kept = json.loads((state_dir / _FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    # a file of another version, or one edited by hand, may hold any JSON
    is_complete = isinstance(kept, dict) and kept.keys() >= RunResults.__required_keys__
    return cast("RunResults", kept) if is_complete else None
