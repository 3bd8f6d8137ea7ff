"""An HTTP server for an ASGI app, in a thread of this process, on a free port of 127.0.0.1."""

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
    """Signals when it accepts connections, and installs no signal handlers."""

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
    """Serves an ASGI app while the context is entered.

    Args:
        app: The ASGI app.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.base_url = ""

    def start(self) -> None:
        """Start the server; it accepts connections when this returns."""
        # IPPROTO_TCP is explicit, or asyncio leaves Nagle's algorithm on, which delays responses by 40 ms
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
        # tests break requests on purpose; a filter, because Prefect's logging set-up resets levels
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
        """Stop the server and cancel its requests; does nothing if it is not running."""
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
