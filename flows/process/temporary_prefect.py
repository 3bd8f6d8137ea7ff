"""Reaching the Prefect server of the settings, or serving a temporary one where they name none."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
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


class _SharedServer:
    """The one temporary server of this process, for all threads that need one at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._running = ExitStack()
        self.server: EmbeddedPrefectServer

    @contextmanager
    def used(self, home: Path) -> Iterator[EmbeddedPrefectServer]:
        """Start the server for its first user and stop it after its last."""
        with self._lock:
            if not self._users:
                self._start(home)
            self._users += 1
        try:
            yield self.server
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._running.close()

    def _start(self, home: Path) -> None:
        with ExitStack() as starting:
            folder = starting.enter_context(
                tempfile.TemporaryDirectory(prefix="energy-pipeline-", ignore_cleanup_errors=True)
            )
            self.server = EmbeddedPrefectServer(home, folder=Path(folder), inherits_settings=True)
            starting.callback(self.server.stop)
            self.server.start()
            self._running = starting.pop_all()


_SHARED_SERVER = _SharedServer()


def _silently(_for_what: str) -> AbstractContextManager[None]:
    return nullcontext()


@contextmanager
def serving_prefect(
    waiting: Callable[[str], AbstractContextManager[None]] = _silently,
) -> Iterator[Callable[[], None]]:
    """Serve Prefect within this context where its settings name no server.

    As Prefect's own temporary server it works on the database of the user's settings; unlike that one
    it ends with this process, however that ends, and two threads can start it at once. Inside another
    flow or task nothing is started, since that runs on a server already.

    Args:
        waiting: Entered with a description while the server is being waited for.

    Yields:
        A function that waits until the server answers, so that something else is done while it starts.

    Raises:
        ConfigError: Where it cannot be started; raised by the function that waits.
    """
    with loading_modules():
        from prefect.context import FlowRunContext, TaskRunContext
        from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    if PREFECT_API_URL.value() or FlowRunContext.get() or TaskRunContext.get():
        yield lambda: None
        return
    home = PREFECT_HOME.value()
    with _SHARED_SERVER.used(home) as server:

        def wait_until_ready() -> None:
            with waiting("starting an embedded Prefect server (PREFECT_API_URL is not set)"):
                try:
                    server.wait_until_ready()
                except ServerStartError as error:
                    raise _as_wrong_settings(error, home) from None

        with temporary_settings({PREFECT_API_URL: server.api_url}):
            yield wait_until_ready
            send_what_is_pending()


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
