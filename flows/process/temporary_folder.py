"""A folder in the system's temporary folder that the next run removes if this one is killed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from flows.process.child_process import START_TIME_TOLERANCE_SECONDS

_PREFIX = "energy-pipeline-"
_NAME = re.compile(rf"{_PREFIX}(?P<pid>\d+)-\w+")


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder, `energy-pipeline-PID-…`, removed at the end of this context.

    Folders of processes that have ended are removed first. What cannot be removed is left.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if _is_left_behind(folder):
            shutil.rmtree(folder, ignore_errors=True)
    prefix = f"{_PREFIX}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        yield Path(name)


def _is_left_behind(folder: Path) -> bool:
    """Whether the process that made the folder has ended, also if another one has its ID now."""
    name = _NAME.fullmatch(folder.name)
    if name is None:
        return False
    try:
        started_at = psutil.Process(int(name["pid"])).create_time()
        return started_at - START_TIME_TOLERANCE_SECONDS > folder.stat().st_mtime
    except psutil.NoSuchProcess:
        return True
    except (OSError, psutil.AccessDenied):
        return False
