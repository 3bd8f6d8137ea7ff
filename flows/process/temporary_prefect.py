"""Reaching the Prefect server of the settings, or serving a temporary one where they name none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flows.process.child_process import ServerStartError
from flows.process.memory import loading_modules
from flows.process.prefect_server import EmbeddedPrefectServer

if TYPE_CHECKING:
    from flows.api_config import ConfigError

_DRAIN_SECONDS = 10


def send_what_is_pending() -> None:
    """Send the logs and events that Prefect still holds in this process; before its server is stopped."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (EventsWorker, APILogWorker):
        worker.drain_all(timeout=_DRAIN_SECONDS)


@contextmanager
def reaching_prefect() -> Iterator[None]:
    """Say it as what is wrong with the settings, where the Prefect server that they name does not answer.

    Raises:
        ConfigError: It does not.
    """
    from httpx import TransportError

    from flows.api_config import ConfigError, Problem

    try:
        yield
    except (TransportError, RuntimeError) as error:
        # Prefect's own error has no class of its own
        if not isinstance(error, TransportError) and not str(error).startswith("Failed to reach API"):
            raise
        from prefect.settings import PREFECT_API_URL

        cause = f"the Prefect server at {PREFECT_API_URL.value()} does not answer"
        advice = "start it, or unset the variable, so that a temporary server is used"
        raise ConfigError([Problem("PREFECT_API_URL", "", cause, advice)]) from None


@contextmanager
def serving_prefect(waiting: Callable[[str], AbstractContextManager[None]]) -> Iterator[Callable[[], None]]:
    """Serve Prefect to this process where its settings name no server.

    As Prefect's own temporary server it works on the database of the user's settings; unlike that
    one it ends with this process, however that ends.

    Args:
        waiting: Tells what is being waited for, while it is entered.

    Yields:
        What waits until the server answers, so that something else is done while it starts.

    Raises:
        ConfigError: Where it cannot be started; raised by what waits.
    """
    with loading_modules():
        from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    if PREFECT_API_URL.value():
        yield lambda: None
        return
    with tempfile.TemporaryDirectory(prefix="energy-pipeline-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedPrefectServer(PREFECT_HOME.value(), folder=Path(folder), inherits_settings=True)

        def wait_until_ready() -> None:
            with waiting("starting an embedded Prefect server (PREFECT_API_URL is not set)"):
                try:
                    server.wait_until_ready()
                except ServerStartError as error:
                    raise _as_wrong_settings(error, PREFECT_HOME.value()) from None

        try:
            server.start()
            with temporary_settings({PREFECT_API_URL: server.api_url}):
                yield wait_until_ready
                send_what_is_pending()
        finally:
            server.stop()


def _as_wrong_settings(error: ServerStartError, home: Path) -> ConfigError:
    """What is wrong with the settings, where a server on them does not come up."""
    from flows.api_config import ConfigError, Problem

    advice = "name a server with PREFECT_API_URL, or another folder"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            cause = f"no Prefect server can be started on {home}: {error}"
    except OSError as refused:
        cause = f"no Prefect server can be started, since {home} cannot be written: {refused.strerror}"
    return ConfigError([Problem("PREFECT_HOME", "", cause, advice)])
