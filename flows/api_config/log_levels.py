"""Log levels that hold while the pipeline works; what the caller has set is restored afterwards."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

# below WARNING they log headers and whole URLs, with the keys in them
_LIBRARIES = ("httpx", "httpcore", "boto3", "botocore", "s3transfer", "urllib3")
_lock = threading.Lock()
# of each logger: its level before, and how many threads need another one
_changed: dict[str, tuple[int, int]] = {}


@contextmanager
def libraries_log_warnings_only() -> Iterator[None]:
    """Within this context, HTTP and AWS libraries log warnings and errors only."""
    with ExitStack() as levels:
        for name in _LIBRARIES:
            before = logging.getLogger(name).level
            levels.enter_context(logger_level(name, max(before, logging.WARNING)))
        yield


@contextmanager
def logger_level(name: str, level: int, *, only_where_unset: bool = False) -> Iterator[None]:
    """Within this context a logger has this level; the last of several threads restores the one before.

    Args:
        name: Of the logger.
        level: As in `logging`.
        only_where_unset: Whether a level that the caller has set stays.
    """
    logger = logging.getLogger(name)
    with _lock:
        before, users = _changed.get(name, (logger.level, 0))
        _changed[name] = (before, users + 1)
        logger.setLevel(before if only_where_unset and before else level)
    try:
        yield
    finally:
        with _lock:
            before, users = _changed.pop(name)
            if users > 1:
                _changed[name] = (before, users - 1)
            else:
                logger.setLevel(before)
