"""`energy-pipeline` in processes of its own, which tests may end.

Loading Prefect takes longer than what most tests do with it, so that most fork a process that has loaded it
already. That the command starts by itself is for the tests of the demo, of interrupts and of the start-up.
"""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import prefect.context
from prefect.logging.configuration import setup_logging

import flows.energy_pipeline
import flows.pipeline_status
import flows.terminal_progress
import flows.terminal_report  # noqa: F401 - for the processes that are forked
from flows.__main__ import main
from flows.command_parts import prepare_prefect

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload([__name__])
gc.freeze()


class StartedCommand:
    """`energy-pipeline` as its users start it, begun at once.

    Args:
        arguments: Its command line.
        folder: Its working directory.
        variables: Its whole environment.
    """

    def __init__(self, *arguments: str | Path, folder: Path, variables: Mapping[str, str]) -> None:
        self._outputs = Path(tempfile.mkdtemp(prefix="output-", dir=folder.parent))
        for number in (1, 2):
            self._output_file(number).touch()
        self._start([*map(str, arguments)], folder, dict(variables))

    def _start(self, arguments: list[str], folder: Path, variables: dict[str, str]) -> None:
        with self._output_file(1).open("wb") as output, self._output_file(2).open("wb") as errors:
            command = [sys.executable, "-m", "flows", *arguments]
            self._started = subprocess.Popen(command, cwd=folder, env=variables, stdout=output, stderr=errors)

    def _output_file(self, number: int) -> Path:
        return self._outputs / str(number)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._started.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its exit code, the negative number of the signal where one ended it."""
        return self._started.wait(seconds)

    @property
    def output(self) -> str:
        """What it wrote on stdout."""
        return self._output_file(1).read_text(encoding="utf-8")

    @property
    def errors(self) -> str:
        """What it wrote on stderr."""
        return self._output_file(2).read_text(encoding="utf-8")


class LoadedCommand(StartedCommand):
    """`energy-pipeline` in a process that is forked from one that has loaded it."""

    def _start(self, arguments: list[str], folder: Path, variables: dict[str, str]) -> None:
        files = [self._output_file(number) for number in (1, 2)]
        self._forked = _forking.Process(target=_run, args=(arguments, folder, variables, files))
        self._forked.start()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._forked.pid
        os.kill(self._forked.pid, number)

    def wait(self, seconds: float) -> int:
        """Its exit code, the negative number of the signal where one ended it."""
        self._forked.join(seconds)
        assert self._forked.exitcode is not None, f"it did not end within {seconds:g} s: {self.errors}"
        return self._forked.exitcode


def _run(arguments: list[str], folder: Path, variables: dict[str, str], outputs: list[Path]) -> None:
    for number, file in enumerate(outputs, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["energy-pipeline", *arguments]
    # of which Prefect took what there was when it was loaded
    prepare_prefect()
    prefect.context.refresh_global_settings_context()
    setup_logging(incremental=False)
    try:
        main()
    finally:
        # as an interpreter does at its end, and a child of multiprocessing does not
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
