"""What a process costs: its wall time, CPU time and peak memory, as the kernel counts them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_KIB_PER_MB = 1e6 / 1024
# The kernel counts the memory of the process that starts another into the peak of the one that is started
# (getrusage's ru_maxrss survives exec). A small interpreter in between keeps that below 15 MB.
_LAUNCHER = """
import os, sys, time
log, *command = sys.argv[1:]
to_log = [(os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT, 0o600), (os.POSIX_SPAWN_DUP2, 1, 2)]
begun = time.perf_counter()
pid = os.posix_spawn(command[0], command, os.environ, file_actions=to_log)
_, status, usage = os.wait4(pid, 0)
wall = time.perf_counter() - begun
print(os.waitstatus_to_exitcode(status), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""


@dataclass(frozen=True)
class Cost:
    """What a process took, together with the child processes that it waited for.

    Attributes:
        wall: Wall time in seconds.
        cpu: User and system CPU time in seconds.
        peak_mb: Largest resident memory of any single process, in MB; 0 where it was not measured.
        in_flight: Most requests that the API had under way at one time.
    """

    wall: float
    cpu: float
    peak_mb: float
    in_flight: int = 0


def cost_of(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Cost:
    """Run a command in a folder and measure it; exits where the command fails.

    Args:
        command: The absolute path of a program, and its arguments.
        environment: The whole environment of the command.
        folder: Its working directory, where `contestant.log` takes its output.
    """
    log = folder / "contestant.log"
    measured = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(log), *command],
        env=dict(environment),
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    exit_code, wall, cpu, peak_kib = measured.stdout.split()
    if exit_code != "0":
        sys.exit(f"{' '.join(command)} ended with {exit_code}:\n{log.read_text()[-3000:]}")
    return Cost(float(wall), float(cpu), int(peak_kib) / _KIB_PER_MB)
