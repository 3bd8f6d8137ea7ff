"""Commands in their own processes, which tests may signal or kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path


class StartedCommand:
    """A Python module run as `python -m`, by default `energy-pipeline`; started by the constructor.

    Args:
        arguments: Its command line.
        folder: Its working directory.
        variables: Its whole environment.
        outputs: Where a folder with what it writes to stdout and stderr is made.
        module: The module.
    """

    def __init__(
        self,
        *arguments: str | Path,
        folder: Path,
        variables: Mapping[str, str],
        outputs: Path,
        module: str = "flows",
    ) -> None:
        written = Path(tempfile.mkdtemp(prefix="output-", dir=outputs))
        self._stdout, self._stderr = written / "stdout", written / "stderr"
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *map(str, arguments)],
                cwd=folder,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Wait for its end; kill it where it takes longer.

        Returns:
            Its exit code, or the negative number of the signal that ended it.

        Raises:
            subprocess.TimeoutExpired: It was still running after `seconds`.
        """
        try:
            return self._process.wait(seconds)
        finally:
            self._process.kill()
            self._process.wait()

    @property
    def output(self) -> str:
        """What it has written to stdout so far."""
        return self._stdout.read_text(encoding="utf-8")

    @property
    def errors(self) -> str:
        """What it has written to stderr so far."""
        return self._stderr.read_text(encoding="utf-8")
