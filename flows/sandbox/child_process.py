"""Server processes of ours: started, waited for, and never left running."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_POLL_SECONDS = 0.05
_LOG_TAIL_LINES = 15
_PR_SET_PDEATHSIG = 1
# looked up here, since the child must not import between fork and exec
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ServerStartError(RuntimeError):
    """A server of ours did not come up; the message holds the end of its log."""


def free_ports(count: int) -> list[int]:
    """Distinct ports of 127.0.0.1 that are free now, picked by the operating system."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class ChildProcess:
    """One server process, alone in its folder.

    It runs in a session of its own, so that Ctrl-C reaches only us and we end it in order. On
    Linux it dies with the thread that started it, so start it from one that lives as long as it
    should. One that a killed run left behind elsewhere is ended before the next is started.

    Args:
        name: Names its log (`<name>.log`) and its process file (`<name>.pid`).
        folder: Where these are kept; made where it is missing.
        grace_seconds: How long it may take to end by itself; 0 kills it at once.
    """

    def __init__(self, name: str, folder: Path, grace_seconds: float = 10) -> None:
        self._grace_seconds = grace_seconds
        self.name = name
        self._folder = folder
        self._log_file = folder / f"{name}.log"
        self._pid_file = folder / f"{name}.pid"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Start the process; its output goes to its log."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _end_left_behind(self._pid_file)
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a server of ours
                list(command),
                env=dict(env) if env is not None else None,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if _LIBC else None,  # noqa: PLW1509 - only a system call
            )
        self._pid_file.write_text(f"{self._process.pid} {_started_at(self._process.pid)}", encoding="utf-8")

    def wait_until_ready(self, is_ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Wait until `is_ready` holds.

        Raises:
            ServerStartError: Where the process ends before, or the time is over.
        """
        deadline = time.monotonic() + timeout_seconds
        while not is_ready():
            if not self.is_running:
                code = self._process.returncode if self._process else "none"
                raise ServerStartError(self._explained(f"ended with exit code {code} as it started"))
            if time.monotonic() > deadline:
                raise ServerStartError(self._explained(f"was not ready within {timeout_seconds:g} s"))
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End the process and all it started; does nothing where it is not running."""
        if self._process is None:
            return
        if self.is_running and self._grace_seconds:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self._grace_seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        self._pid_file.unlink(missing_ok=True)

    def _explained(self, what: str) -> str:
        log = self._log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(log[-_LOG_TAIL_LINES:])
        return f"{self.name} {what}; the end of {self._log_file}:\n{tail}"


def _die_with_parent() -> None:
    if _LIBC:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _started_at(pid: int) -> str:
    """When a process started, in the kernel's ticks, which tells it from a later one of its number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def _end_left_behind(pid_file: Path) -> None:
    try:
        pid_text, started_at = pid_file.read_text(encoding="utf-8").split(" ", 1)
        pid = int(pid_text)
    except (OSError, ValueError):
        return
    if not started_at or _started_at(pid) != started_at:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    while _started_at(pid) == started_at and not _is_zombie(pid):
        time.sleep(_POLL_SECONDS)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
