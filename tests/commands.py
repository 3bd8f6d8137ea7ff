"""Commands in processes of their own, which tests may end.

Loading Prefect takes longer than what most tests do with it, so that most fork a process that has loaded it
already. That commands start by themselves is for the tests of the demo, of interrupts, of the start-up and of
what workers run.
"""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import boto3  # noqa: F401 - as the others, for the processes that are forked
import polars as pl  # noqa: F401
import prefect.artifacts
import prefect.cli
import prefect.concurrency.sync
import prefect.context
import prefect.deployments
import prefect.flow_engine
import prefect.task_engine
import prefect_aws  # noqa: F401
import pytest
import rich.progress  # noqa: F401
import typer  # noqa: F401
from prefect.logging.configuration import setup_logging

from flows.command_line.options import prepare_prefect

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload([__name__])
gc.freeze()


class StartedCommand:
    """A Python module as its users run it, `energy-pipeline` by default, begun at once.

    Args:
        arguments: Its command line.
        folder: Its working directory.
        variables: Its whole environment.
        outputs: Where a folder with what it writes is made.
        module: What is run.
    """

    def __init__(
        self,
        *arguments: str | Path,
        folder: Path,
        variables: Mapping[str, str],
        outputs: Path,
        module: str = "flows",
    ) -> None:
        self._outputs = Path(tempfile.mkdtemp(prefix="output-", dir=outputs))
        for number in (1, 2):
            self._output_file(number).touch()
        self._start([module, *map(str, arguments)], folder, dict(variables))

    def _start(self, command: list[str], folder: Path, variables: dict[str, str]) -> None:
        with self._output_file(1).open("wb") as output, self._output_file(2).open("wb") as errors:
            self._started = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )

    def _output_file(self, number: int) -> Path:
        return self._outputs / str(number)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._started.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its exit code, the negative number of the signal where one ended it."""
        try:
            return self._started.wait(seconds)
        finally:
            # where it has not ended
            self._started.kill()
            self._started.wait()

    @property
    def output(self) -> str:
        """What it wrote on stdout."""
        return self._output_file(1).read_text(encoding="utf-8")

    @property
    def errors(self) -> str:
        """What it wrote on stderr."""
        return self._output_file(2).read_text(encoding="utf-8")


class LoadedCommand(StartedCommand):
    """A Python module in a process forked from one that has loaded Prefect, but little of ours."""

    def _start(self, command: list[str], folder: Path, variables: dict[str, str]) -> None:
        files = [self._output_file(number) for number in (1, 2)]
        self._forked = _forking.Process(target=_run, args=(command, folder, variables, files))
        self._forked.start()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._forked.pid
        os.kill(self._forked.pid, number)

    def wait(self, seconds: float) -> int:
        """Its exit code, the negative number of the signal where one ended it."""
        self._forked.join(seconds)
        exit_code = self._forked.exitcode
        if exit_code is None:
            self._forked.kill()
            self._forked.join()
            pytest.fail(f"it did not end within {seconds:g} s: {self.errors}")
        return exit_code


def _run(command: list[str], folder: Path, variables: dict[str, str], outputs: list[Path]) -> None:
    for number, file in enumerate(outputs, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    module, *arguments = command
    sys.argv = [module, *arguments]
    if module == "flows":
        prepare_prefect()
    # Prefect took what there was when it was loaded
    prefect.context.refresh_global_settings_context()
    setup_logging(incremental=False)
    try:
        runpy.run_module(module, run_name="__main__")
    finally:
        # as an interpreter does at its end, and a child of multiprocessing does not
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
