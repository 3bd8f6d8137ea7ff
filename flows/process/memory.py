"""Keeping this process's memory small although its threads take and free megabytes all the time."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

_M_ARENA_MAX = -8


def give_freed_memory_back() -> None:
    """Let what is freed go back to the system or to the next that asks, whichever thread that is.

    Polars' allocator gives it back soon, rather than wait ten seconds for its next use, and has two arenas
    rather than one for each thread; so has the C library's, which holds what Python reads and writes. A
    backfill of 30 days of prices took 520 MB without the first and 400 MB with it; of 365 days 500 MB with
    16 arenas of the C library's (eight to a core) and 410 MB with two, in the same time.

    To be called before polars is imported, whose allocator reads the variable as it is loaded, and before
    threads are started, whose arenas stay. What the user has set goes first.
    """
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:200,muzzy_decay_ms:0,narenas:2")
    if "MALLOC_ARENA_MAX" not in os.environ:
        # the C library reads that variable as the process begins; only glibc has the call
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
        if mallopt:
            mallopt(_M_ARENA_MAX, 2)


@contextmanager
def loading_modules() -> Iterator[None]:
    """Look for no garbage meanwhile, nor ever again in what has been loaded by its end.

    Loading Prefect makes half a million objects that stay, which Python looks through again and again: a
    quarter of the CPU of a run of four small APIs.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
