"""Child processes that run servers: start them, wait until they are ready, stop them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

_POLL_SECONDS = 0.05
_LOG_TAIL_LINES = 15
# psutil adds the time of the boot to a start time, and the system corrects its clock
START_TIME_TOLERANCE_SECONDS = 5
# Windows: Ctrl-C reaches only this process, as with a session of its own elsewhere
_NEW_PROCESS_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)

_RUN_UNTIL_STDIN_CLOSES = """
import os, subprocess, sys, threading

child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)


def kill_with_parent():
    os.read(0, 1)
    child.kill()


threading.Thread(target=kill_with_parent, daemon=True).start()
sys.exit(child.wait())
"""


class ServerStartError(RuntimeError):
    """A server did not start; the message ends with the last lines of its log."""


def free_ports(count: int) -> list[int]:
    """Distinct ports of 127.0.0.1 that are free now, chosen by the operating system."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def run_until_stdin_closes(command: Sequence[str]) -> list[str]:
    """The command that runs a program and kills it when its own standard input is closed."""
    return [sys.executable, "-c", _RUN_UNTIL_STDIN_CLOSES, *command]


class ChildProcess:
    """One server process, the only one of its name in its folder.

    Ctrl-C reaches only the parent, which then stops the process. When the parent ends, even by SIGKILL, the
    system closes the standard input of the process, which must then exit. A process that a killed run left
    behind is killed before the next one starts. While the run that started it is alive, another run cannot
    start one in the same folder.

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

    def start(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Start the process and write its output to its log.

        Args:
            command: The program and its arguments; it exits when its standard input is closed
                (`run_until_stdin_closes` adds this to any program).
            env: The environment; that of this process if None.

        Raises:
            ServerStartError: A process of this name runs in the folder and its parent is alive.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._kill_left_behind()
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the command is not user input
                list(command),
                env=dict(env) if env is not None else None,
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                creationflags=_NEW_PROCESS_GROUP,
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
        if self._process.poll() is None:
            family = _with_children(self._process.pid)
            if self._grace_seconds:
                self._process.terminate()
                _resume(family)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(self._grace_seconds)
            _kill(family)
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
            left_behind, parent = map(_running, self._pid_file.read_text(encoding="utf-8").split())
        except (OSError, ValueError):
            return
        if left_behind is None:
            return
        if parent is not None:
            raise ServerStartError(
                f"{self.name} (process {left_behind.pid}) is running in {self._folder} for another run, "
                f"process {parent.pid}: end that run first, or use another folder"
            )
        _kill(_with_children(left_behind.pid))


def _with_children(pid: int) -> list[psutil.Process]:
    """A process, suspended so that it starts no others, after the processes that it and they have started."""
    try:
        process = psutil.Process(pid)
        process.suspend()
        return [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return []


def _resume(processes: Sequence[psutil.Process]) -> None:
    for process in processes[-1:]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


def _kill(processes: Sequence[psutil.Process]) -> None:
    """Kill processes, and wait until they have ended."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    while any(map(_is_running, processes)):
        time.sleep(_POLL_SECONDS)


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _identity(pid: int) -> str:
    """`PID@START`: the process ID and the start time in seconds, which distinguishes reused IDs.

    START is 0 for a process that has ended.
    """
    try:
        return f"{pid}@{psutil.Process(pid).create_time()}"
    except psutil.NoSuchProcess:
        return f"{pid}@0"


def _running(identity: str) -> psutil.Process | None:
    """The process of an identity, or None if it has ended.

    Raises:
        ValueError: This is no identity.
    """
    pid, _, started_at = identity.partition("@")
    try:
        process = psutil.Process(int(pid))
        is_same = abs(process.create_time() - float(started_at)) < START_TIME_TOLERANCE_SECONDS
    except psutil.Error:
        return None
    return process if is_same and _is_running(process) else None
