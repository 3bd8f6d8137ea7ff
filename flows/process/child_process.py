"""Server processes of ours: started, waited for, and never left running."""

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
    should. One that a killed run left behind all the same is ended before the next is started;
    one whose run goes on is left alone, and keeps its folder to itself.

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
    def log(self) -> str:
        """What the process has written since it was started."""
        return self._log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        handed_on: Sequence[int] = (),
        *,
        watches_stdin: bool = False,
    ) -> None:
        """Start the process; its output goes to its log.

        Args:
            command: What to run.
            env: Its environment; ours where not given.
            handed_on: Open files of ours that it may use by their numbers.
            watches_stdin: It ends when its standard input does, which is when this process ends, so
                that any thread may start it.

        Raises:
            ServerStartError: Where the folder's process belongs to a run that goes on.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._end_left_behind()
        # only system calls between fork and exec
        ends_with_thread = _LIBC and not watches_stdin
        before_exec = functools.partial(_die_with_parent, os.getpid()) if ends_with_thread else None
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a server of ours
                list(command),
                env=dict(env) if env is not None else None,
                cwd=self._folder,
                stdin=subprocess.PIPE if watches_stdin else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=tuple(handed_on),
                preexec_fn=before_exec,  # noqa: PLW1509
            )
        known_as = " ".join((_identity(self._process.pid), _identity(os.getpid())))
        self._pid_file.write_text(known_as, encoding="utf-8")

    def wait_until_ready(self, is_ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Wait until `is_ready` holds.

        Raises:
            ServerStartError: Where the process ends before, or the time is over.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            # asked first, since what answers may be another program on its port
            if not self.is_running:
                code = self._process.returncode if self._process else "none"
                raise ServerStartError(self._explained(f"ended with exit code {code} as it started"))
            if is_ready():
                return
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
        if self._process.stdin:
            self._process.stdin.close()
        self._process = None
        self._pid_file.unlink(missing_ok=True)

    def _explained(self, what: str) -> str:
        tail = "\n".join(self.log.splitlines()[-_LOG_TAIL_LINES:])
        return f"{self.name} {what}; the end of {self._log_file}:\n{tail}"

    def _end_left_behind(self) -> None:
        try:
            left_behind, its_parent = self._pid_file.read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            return
        if not _lives(left_behind):
            return
        pid = int(left_behind.partition("@")[0])
        if _lives(its_parent):
            raise ServerStartError(
                f"{self.name} (process {pid}) is running on {self._folder} for another run, process "
                f"{its_parent.partition('@')[0]}: end that one first, or work in another folder"
            )
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        while _lives(left_behind):
            time.sleep(_POLL_SECONDS)


def _die_with_parent(parent: int) -> None:
    if _LIBC:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            # it ended before we could ask to be told
            os._exit(1)


def _identity(pid: int) -> str:
    """A process's number and when it started, in the kernel's ticks, which tells it from a later one.

    Linux only; elsewhere, and for a process that has ended, the second part is empty.
    """
    return f"{pid}@{_status(pid)[1]}"


def _lives(identity: str) -> bool:
    pid, _, started_at = identity.partition("@")
    state, its_start = _status(int(pid)) if pid.isdecimal() else ("", "")
    return bool(started_at) and its_start == started_at and state != "Z"


def _status(pid: int) -> tuple[str, str]:
    """State and start of a process, as Linux's `/proc/PID/stat` gives them; empty where it has none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    # the second field, a name in parentheses, may hold anything
    fields = stat.rpartition(")")[2].split()
    return fields[0], fields[19]
