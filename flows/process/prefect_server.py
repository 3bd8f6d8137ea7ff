"""A Prefect server in a child process: for the demo, the tests, and runs without `PREFECT_API_URL`."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from flows.process.child_process import ChildProcess

# the garbage collector is off during the imports, as in `loading_modules`: a run of four small APIs on a
# server of its own takes 4.5 s of CPU time with this, and 5.3 s without
_SERVE = """
import gc, os, socket, threading


def exit_with_parent():
    os.read(0, 1)
    os._exit(1)


threading.Thread(target=exit_with_parent, daemon=True).start()
listener = socket.create_server(("127.0.0.1", 0))
url = f"http://127.0.0.1:{listener.getsockname()[1]}"
print(url, flush=True)
os.environ["PREFECT_SERVER_UI_API_URL"] = f"{url}/api"
gc.disable()
import uvicorn
from prefect.server.api.server import create_app
gc.freeze()
gc.enable()
config = uvicorn.Config(create_app, factory=True, log_level="warning", lifespan="on")
uvicorn.Server(config).run(sockets=[listener])
"""

_PORT_SECONDS = 60


class EmbeddedPrefectServer:
    """A Prefect server process with its own database.

    Args:
        home: Folder of its database (`PREFECT_HOME`); created if it is missing.
        serve_ui: Whether to serve the UI too.
        run_services: Whether to run the scheduler and the other background services; a single run needs
            none of them.
        folder: Folder of its log; `home` if None.
        inherits_settings: Whether the server uses the `PREFECT_…` variables of this process.
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
        # a server that is still creating its database ignores SIGTERM
        self._process = ChildProcess("prefect-server", folder or self._home, grace_seconds=3)
        self.url = ""

    @property
    def api_url(self) -> str:
        """The value of `PREFECT_API_URL` for clients."""
        return f"{self.url}/api"

    @property
    def client_settings(self) -> dict[str, str]:
        """The environment variables of a Prefect client that uses this server."""
        return {"PREFECT_HOME": str(self._home), "PREFECT_API_URL": self.api_url}

    def start(self) -> None:
        """Start the process and wait until it has a port; `wait_until_ready` waits until it responds.

        Raises:
            ServerStartError: The server ended at once, or another run uses the folder.
        """
        self._process.start([sys.executable, "-c", _SERVE], env=self._environment())
        # the server chooses its port: one that is only free now could be taken before it starts
        self._process.wait_until_ready(self._has_port, _PORT_SECONDS)
        self.url = self._process.log.partition("\n")[0]

    def wait_until_ready(self, timeout_seconds: float = 120) -> None:
        """Wait until the API responds; with a new home the server first creates its database."""
        self._process.wait_until_ready(self._is_ready, timeout_seconds)

    def stop(self) -> None:
        """Stop the process."""
        self._process.stop()

    def __enter__(self) -> Self:
        self.start()
        self.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _has_port(self) -> bool:
        return "\n" in self._process.log

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.api_url}/health", timeout=5) as response:  # noqa: S310 - a loopback URL
                return bool(response.status == 200)
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
            "PREFECT_SERVER_ANALYTICS_ENABLED": "0",
            "PREFECT_LOGGING_LEVEL": "WARNING",
        }
        # Prefect's setting for a server without services and without a UI
        if not (self._run_services or self._serve_ui):
            settings["PREFECT__SERVER_EPHEMERAL"] = "1"
        return {**inherited, **settings}
