"""Child processes that run servers: start them, wait until they are ready, stop them."""

from __future__ import annotations

import contextlib
import ctypes
import functools
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
# loaded at import time: the child must not import anything between fork and exec
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ServerStartError(RuntimeError):
    """A server did not start; the message ends with the last lines of its log."""


def free_ports(count: int) -> list[int]:
    """Distinct ports of 127.0.0.1 that are free now, chosen by the operating system."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class ChildProcess:
    """One server process, the only one of its name in its folder.

    The process runs in a session of its own, so that Ctrl-C reaches only the parent, which then stops it. On
    Linux the kernel kills it when the thread that started it ends: start it from a thread that lives long
    enough. A process that a killed run left behind is killed before the next one starts. While the run that
    started it is alive, another run cannot start one in the same folder.

    Args:
        name: Base name of its log (`<name>.log`) and of the file with its process ID (`<name>.pid`).
        folder: Folder of these files and working directory of the process; created if it is missing.
        grace_seconds: How long `stop` waits after SIGTERM before SIGKILL; 0 sends SIGKILL at once.
    """

    def __init__(self, name: str, folder: Path, grace_seconds: float = 10) -> None:
        self._grace_seconds = grace_seconds
        self.name = name
        self._folder = folder
        self._log_file = folder / f"{name}.log"
        self._pid_file = folder / f"{name}.pid"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """The output of the process since its start."""
        return self._log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        *,
        watches_stdin: bool = False,
    ) -> None:
        """Start the process and write its output to its log.

        Args:
            command: The program and its arguments.
            env: The environment; that of this process if None.
            pass_fds: File descriptors of this process that the child inherits.
            watches_stdin: The child exits when its standard input is closed, which happens when this process
                exits. Without it, the child is killed when the thread that started it exits.

        Raises:
            ServerStartError: A process of this name runs in the folder and its parent is alive.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._kill_left_behind()
        # only system calls are allowed between fork and exec
        dies_with_thread = _LIBC and not watches_stdin
        before_exec = functools.partial(_die_with_parent, os.getpid()) if dies_with_thread else None
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the command is not user input
                list(command),
                env=dict(env) if env is not None else None,
                cwd=self._folder,
                stdin=subprocess.PIPE if watches_stdin else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=tuple(pass_fds),
                preexec_fn=before_exec,  # noqa: PLW1509
            )
        identities = " ".join((_identity(self._process.pid), _identity(os.getpid())))
        self._pid_file.write_text(identities, encoding="utf-8")

    def wait_until_ready(self, is_ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Wait until `is_ready` returns true.

        Raises:
            ServerStartError: The process ended, or it was not ready within the timeout.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            # checked first: if the process has ended, another program may answer on its port
            if not self.is_running:
                code = self._process.returncode if self._process else "none"
                raise ServerStartError(self._with_log(f"ended with exit code {code} during its start"))
            if is_ready():
                return
            if time.monotonic() > deadline:
                raise ServerStartError(self._with_log(f"was not ready within {timeout_seconds:g} s"))
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop the process and the processes that it started; does nothing if it is not running."""
        if self._process is None:
            return
        if self.is_running and self._grace_seconds:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self._grace_seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._process = None
        self._pid_file.unlink(missing_ok=True)

    def _with_log(self, what: str) -> str:
        tail = "\n".join(self.log.splitlines()[-_LOG_TAIL_LINES:])
        return f"{self.name} {what}; the end of {self._log_file}:\n{tail}"

    def _kill_left_behind(self) -> None:
        try:
            left_behind, parent = self._pid_file.read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            return
        if not _is_alive(left_behind):
            return
        pid = int(left_behind.partition("@")[0])
        if _is_alive(parent):
            raise ServerStartError(
                f"{self.name} (process {pid}) is running in {self._folder} for another run, process "
                f"{parent.partition('@')[0]}: end that run first, or use another folder"
            )
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        while _is_alive(left_behind):
            time.sleep(_POLL_SECONDS)


def _die_with_parent(parent: int) -> None:
    if _LIBC:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            # the parent ended before prctl was called
            os._exit(1)


def _identity(pid: int) -> str:
    """`PID@START`: the process ID and the start time in clock ticks, which distinguishes reused IDs.

    START is empty for a process that has ended, and on systems other than Linux.
    """
    return f"{pid}@{_status(pid)[1]}"


def _is_alive(identity: str) -> bool:
    pid, _, started_at = identity.partition("@")
    state, start = _status(int(pid)) if pid.isdecimal() else ("", "")
    return bool(started_at) and start == started_at and state != "Z"


def _status(pid: int) -> tuple[str, str]:
    """State and start time of a process from Linux's `/proc/PID/stat`; empty strings if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    # the second field, the name in parentheses, may itself contain spaces and parentheses
    fields = stat.rpartition(")")[2].split()
    return fields[0], fields[19]
