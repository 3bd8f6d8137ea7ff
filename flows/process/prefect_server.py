"""A Prefect server of our own on this machine: for the demo, the tests, and runs that have no other."""

from __future__ import annotations

import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from flows.process.child_process import ChildProcess

# no garbage is looked for in what is loaded, which stays: a tenth of the time until it answers
_SERVE = """
import gc, os, signal, socket, sys, threading


def end_with_stdin():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGKILL)


threading.Thread(target=end_with_stdin, daemon=True).start()
gc.disable()
import uvicorn
from prefect.server.api.server import create_app
gc.freeze()
gc.enable()
config = uvicorn.Config(create_app, factory=True, log_level="warning", lifespan="on")
uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
"""


class EmbeddedPrefectServer:
    """A Prefect server process with its own database.

    Args:
        home: Folder of its database and log; made where it is missing.
        serve_ui: Whether to serve the UI too.
        run_services: Whether to run the scheduler and its like, as a standing server does; the
            demo's single run needs none of them.
        folder: Folder of its log, where that is not its home.
        inherits_settings: Whether the user's `PREFECT_…` variables hold for it.
    """

    def __init__(
        self,
        home: Path,
        *,
        serve_ui: bool = False,
        run_services: bool = False,
        folder: Path | None = None,
        inherits_settings: bool = False,
    ) -> None:
        self._home = home.resolve()
        self._inherits_settings = inherits_settings
        self._serve_ui = serve_ui
        self._run_services = run_services
        # one that is still making its database does not listen to being asked to end
        self._process = ChildProcess("prefect-server", folder or self._home, grace_seconds=3)
        self.url = ""

    @property
    def api_url(self) -> str:
        """The value for `PREFECT_API_URL`."""
        return f"{self.url}/api"

    @property
    def client_settings(self) -> dict[str, str]:
        """The environment that makes a Prefect client use this server."""
        return {"PREFECT_HOME": str(self._home), "PREFECT_API_URL": self.api_url}

    def start(self) -> None:
        """Start the process; it answers once `wait_until_ready` returns."""
        # the socket itself is handed on, since a port that is merely free now may be taken by then
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            number = listener.fileno()
            command = [sys.executable, "-c", _SERVE, str(number)]
            self._process.start(command, env=self._environment(), handed_on=[number], watches_stdin=True)

    def wait_until_ready(self, timeout_seconds: float = 120) -> None:
        """Wait until the API answers; a new home takes longer, since its database is made first."""
        self._process.wait_until_ready(self._is_ready, timeout_seconds)

    def stop(self) -> None:
        """End the process."""
        self._process.stop()

    def __enter__(self) -> Self:
        self.start()
        self.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.api_url}/health", timeout=5) as reply:  # noqa: S310 - our own URL
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _environment(self) -> Mapping[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if self._inherits_settings or not name.startswith("PREFECT_")
        }
        settings = {
            "PREFECT_HOME": str(self._home),
            "PREFECT_SERVER_UI_ENABLED": "1" if self._serve_ui else "0",
            "PREFECT_SERVER_UI_API_URL": self.api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "0",
            "PREFECT_LOGGING_LEVEL": "WARNING",
        }
        # which Prefect calls a server without services and without a UI
        if not (self._run_services or self._serve_ui):
            settings["PREFECT__SERVER_EPHEMERAL"] = "1"
        return {**inherited, **settings}
