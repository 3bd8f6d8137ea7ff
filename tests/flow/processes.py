"""Finds processes that a test has left running."""

from __future__ import annotations

import os

import psutil


def processes_that_mention(text: str) -> list[int]:
    """The ids of other processes whose environment, command line or working directory contains `text`."""
    found = []
    # processes of other users have no values here
    for process in psutil.process_iter(["environ", "cmdline", "cwd"], ad_value=None):
        environment, command, folder = (process.info[name] for name in ("environ", "cmdline", "cwd"))
        mentions = [*(environment or {}).values(), *(command or ()), folder or ""]
        if process.pid != os.getpid() and any(text in each for each in mentions):
            found.append(process.pid)
    return found
