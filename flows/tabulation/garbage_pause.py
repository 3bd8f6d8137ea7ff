"""A while in which Python looks for no garbage, for work that makes many objects and no cycles of them."""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAUSE = threading.Lock()


@contextmanager
def no_garbage_sought() -> Iterator[None]:
    """Put off looking for garbage: each look goes through all objects made so far, and finds none.

    Decoded documents and rows hold each other in one direction alone, so that they are freed without a
    look as soon as nothing holds them. Other threads have theirs put off as well. Of several in here the
    first one ends it for all, so that garbage is looked for in between however many follow one another.
    """
    if not _PAUSE.acquire(blocking=False):
        yield
        return
    was_sought = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_sought:
            gc.enable()
        _PAUSE.release()
