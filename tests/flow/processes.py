"""Finds processes that a test has left running."""

from __future__ import annotations

import os
from pathlib import Path


def processes_that_mention(text: str) -> list[int]:
    """The ids of other processes whose environment, command line or working directory contains `text`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            content = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
            content += os.fsencode((folder / "cwd").readlink())
        except OSError:
            # it has ended, or belongs to another user
            continue
        if text.encode() in content and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found
