"""A real HTTP server for an ASGI app, in a thread of this process, on a port the system picked."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any, Self

import uvicorn

_START_SECONDS = 30
_STOP_SECONDS = 10


class _Server(uvicorn.Server):
    """Tells when it accepts connections, and leaves the process's signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.accepting.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _drop(_record: logging.LogRecord) -> bool:
    return False


class LoopbackServer:
    """Serves an ASGI app on 127.0.0.1 while it is entered.

    Args:
        app: The app.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.base_url = ""

    def start(self) -> None:
        """Serve; it accepts connections when this returns."""
        # with the protocol named, or asyncio leaves Nagle's algorithm on and each reply costs 40 ms
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=0,
            ws="none",
        )
        # a hanging or broken request is what tests ask for; a filter outlives Prefect's logging set-up
        for name in ("uvicorn.error", "uvicorn.access"):
            logging.getLogger(name).addFilter(_drop)
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="loopback-server", daemon=True
        )
        self._thread.start()
        if not self._server.accepting.wait(_START_SECONDS):
            raise RuntimeError(f"the loopback server did not start within {_START_SECONDS} s")

    def stop(self) -> None:
        """End it, with the requests under way; does nothing where it is not running."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError(f"the loopback server did not stop within {_STOP_SECONDS} s")
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
