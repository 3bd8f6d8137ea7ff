"""Runs of fifty slow APIs that are interrupted at random moments, each followed by a run that is not."""

from __future__ import annotations

import random
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flows.process.prefect_server import EmbeddedPrefectServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import eventually
from tests.flow.processes import processes_that_mention
from tests.interrupted_runs import interrupted_runs

_APIS = 50
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)


def run_interruption(rounds: int) -> None:
    """Interrupt so many runs, each followed by a run that must be complete; print the figures."""
    # a shell starts background processes with SIGINT ignored, which children inherit
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    seconds_to_end: dict[signal.Signals, list[float]] = {how: [] for how in _SIGNALS}
    left: list[int] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPrefectServer(Path(folder) / "server") as server,
        EmbeddedS3(Path(folder) / "s3") as s3,
        interrupted_runs(Path(folder), s3, server.client_settings) as runs,
    ):
        runs.configure(_APIS)
        begun = time.monotonic()
        runs.run()
        whole = time.monotonic() - begun
        stored = runs.check_bucket()
        print(f"seed {seed}; a run of {_APIS} APIs that is left alone: {whole:.1f} s, {stored} objects")
        for number in range(rounds):
            how = _SIGNALS[number % len(_SIGNALS)]
            ended = runs.interrupt(_pause(chance.uniform(0, whole)), how)
            seconds_to_end[how].append(ended.seconds)
            there, spooled = runs.check_bucket(), runs.spool.state()["objects"]
            assert "Traceback" not in ended.errors, ended.errors
            after = runs.rerun()
            eventually(lambda: not processes_that_mention(str(runs.folder)))
            left.append(there - stored + spooled)
            print(
                f"{number + 1:>3} {how.name:<7} ended with {ended.exit_code} after {ended.seconds:4.1f} s; "
                f"stored {there - stored}, spooled {spooled}; the rerun stored {after - there}",
                flush=True,
            )
            stored = after
    for how, seconds in seconds_to_end.items():
        print(f"{how.name}: median {statistics.median(seconds):.1f} s to end, at most {max(seconds):.1f} s")
    partly = sum(0 < kept < _APIS for kept in left)
    print(f"{rounds} interruptions, {partly} of them during the uploads: every rerun complete, nothing torn")


def _pause(seconds: float) -> Callable[[], None]:
    return lambda: time.sleep(seconds)
