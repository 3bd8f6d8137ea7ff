"""A pause of the cyclic garbage collector, for code that creates many objects and no cycles."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PAUSE = threading.Lock()


@contextmanager
def gc_paused() -> Iterator[None]:
    """Disable the cyclic garbage collector while a document is decoded.

    Every few hundred objects that stay, the collector goes through them, and every few hundred thousand
    through all objects of the process. Only one thread pauses it at a time.
    """
    if not gc.isenabled() or not _PAUSE.acquire(blocking=False):
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        _PAUSE.release()
