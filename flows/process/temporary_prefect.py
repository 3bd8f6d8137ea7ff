"""The Prefect server of the settings, or a temporary one if `PREFECT_API_URL` is not set."""

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
from flows.process.temporary_folder import temporary_folder

if TYPE_CHECKING:
    from flows.api_config import ConfigError

_DRAIN_SECONDS = 10
# where the run is ended from outside
_ENDING_DRAIN_SECONDS = 0.5
_CANCEL_SECONDS = 0.5


def send_what_is_pending(seconds: float = _DRAIN_SECONDS) -> None:
    """Send the logs and events that Prefect has queued, and drop what is not sent within some seconds.

    To be called before the Prefect server stops, or, with 0, when it has died: Prefect retries each event for
    8 s and each batch of logs for 62 s, also while the process exits.

    Prefect 3.9.1 has no public way to drop them. `EventsWorker._instances` are the workers of events, logs
    and other queues; cancelling a worker's `_task` in its `_loop` ends it.

    Args:
        seconds: How long to wait for what is queued.
    """
    from prefect.events.worker import EventsWorker

    workers = tuple(EventsWorker._instances.values())  # type: ignore[misc]
    # draining a worker removes its task
    tasks = [(worker._loop, worker._task) for worker in workers]
    # in a thread of its own: where the thread runs an event loop, it returns a coroutine
    draining = threading.Thread(target=EventsWorker.drain_all, daemon=True)
    draining.start()
    draining.join(seconds)
    for loop, task in tasks:
        if loop and task:
            loop.call_soon_threadsafe(task.cancel)
    draining.join(_CANCEL_SECONDS)


@contextmanager
def reaching_prefect() -> Iterator[None]:
    """Turn the errors of an unreachable Prefect server into a configuration error.

    Meanwhile the environment is one from which Prefect can create its HTTP clients.

    Raises:
        ConfigError: The server at `PREFECT_API_URL` does not respond, or the environment names a proxy or
            certificates that cannot be used.
    """
    from httpx import TransportError

    from flows.api_config import ConfigError, Problem
    from flows.api_config.network_environment import check_environment, usable_environment

    check_environment()
    try:
        with usable_environment():
            yield
    except (TransportError, RuntimeError) as error:
        # Prefect raises a plain RuntimeError when its API does not respond
        if not isinstance(error, TransportError) and not str(error).startswith("Failed to reach API"):
            raise
        from prefect.settings import PREFECT_API_URL

        cause = f"the Prefect server at {PREFECT_API_URL.value()} does not answer"
        advice = "start it, or unset the variable to use a temporary server"
        raise ConfigError([Problem("PREFECT_API_URL", "", cause, advice)]) from None


class _SharedServer:
    """The temporary server of this process, shared by all threads that need one at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._running = ExitStack()
        self._drain_seconds: float = _DRAIN_SECONDS
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
        except BaseException:
            self._drain_seconds = _ENDING_DRAIN_SECONDS
            raise
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._running.close()

    def _start(self, home: Path) -> None:
        with ExitStack() as starting:
            folder = starting.enter_context(temporary_folder())
            self.server = EmbeddedPrefectServer(home, folder=folder, inherits_settings=True)
            starting.callback(self.server.stop)
            self.server.start()
            self._drain_seconds = _DRAIN_SECONDS
            starting.callback(lambda: send_what_is_pending(self._drain_seconds))
            self._running = starting.pop_all()


_SHARED_SERVER = _SharedServer()


def _show_nothing(_message: str) -> AbstractContextManager[None]:
    return nullcontext()


@contextmanager
def serving_prefect(
    waiting: Callable[[str], AbstractContextManager[None]] = _show_nothing,
) -> Iterator[Callable[[], None]]:
    """Run a temporary Prefect server for this process if `PREFECT_API_URL` is not set.

    Like Prefect's own temporary server it uses the database of the user's settings; unlike that one it never
    outlives this process, even if this process is killed, and several threads may start it at once. Inside
    another flow or task no server is started: that one has a server already.

    Args:
        waiting: Makes a context manager that shows a message while it is entered.

    Yields:
        A function that waits until the server responds; call it after other work that needs no server.

    Raises:
        ConfigError: The server did not start; raised by that function.
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


def _as_wrong_settings(error: ServerStartError, home: Path) -> ConfigError:
    """The configuration error for a server that did not start."""
    from flows.api_config import ConfigError, Problem

    advice = "set PREFECT_API_URL to a running server, or PREFECT_HOME to another folder"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            cause = f"no Prefect server can be started in {home}: {error}"
    except OSError as refused:
        cause = f"no Prefect server can be started, because {home} is not writable: {refused.strerror}"
    return ConfigError([Problem("PREFECT_HOME", "", cause, advice)])
