"""Runs that are ended from outside: the next is complete; nothing is torn, stored twice or left running."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.run_report.last_run import last_results
from flows.sandbox.loopback_server import LoopbackServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import eventually
from tests.flow.processes import processes_that_mention
from tests.interrupted_runs import InterruptedRuns, interrupted_runs
from tests.providers.faults import Fault
from tests.s3_relay import RelayedS3, s3_error

EXIT_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -9}


@contextmanager
def held_uploads(runs: InterruptedRuns, count: int, *, is_written: bool) -> Iterator[RelayedS3]:
    """Lets the first uploads of runs get no response, and an error once they are no longer held."""
    error = s3_error("InternalError", 500)
    relay = RelayedS3(runs.s3, error, times=count, is_written=is_written, is_holding=True)
    with LoopbackServer(relay) as server:
        runs.variables["AWS_ENDPOINT_URL_S3"] = server.base_url
        try:
            yield relay
        finally:
            del runs.variables["AWS_ENDPOINT_URL_S3"]
            relay.is_holding = False


@pytest.mark.parametrize("is_written", [False, True], ids=["not uploaded", "uploaded"])
def test_what_is_being_uploaded_when_a_run_is_killed_is_stored_once_by_the_next(
    runs: InterruptedRuns, is_written: bool
) -> None:
    runs.configure(apis=6, seconds_per_byte=0)
    with held_uploads(runs, 6, is_written=is_written) as relay:
        ended = runs.interrupt(lambda: eventually(lambda: relay.refused == 6), signal.SIGKILL)
    assert ended.exit_code == EXIT_CODES[signal.SIGKILL]
    assert runs.check_bucket() == (6 if is_written else 0)
    assert runs.spool.state()["objects"] == 6
    # which also checks that each is stored byte for byte
    assert runs.rerun() == 12
    assert len(runs.faults.requests) == 12, "each run asks each API once"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_what_is_being_uploaded_when_a_run_is_ended_is_stored_once_by_the_next(
    runs: InterruptedRuns, how: signal.Signals
) -> None:
    runs.configure(apis=5, seconds_per_byte=0)
    with held_uploads(runs, 5, is_written=False) as relay:
        process = runs.start()
        eventually(lambda: relay.refused == 5)
        process.send_signal(how)
        # although they get no response
        assert process.wait(60) == EXIT_CODES[how], process.errors
    assert "Traceback" not in process.errors
    recorded = last_results(runs.folder / ".energy-pipeline")
    assert recorded is not None
    assert recorded["errors"] == ["the run did not come to its end"]
    # each is in the bucket or in the spool
    assert runs.check_bucket() + runs.spool.state()["objects"] == 5
    eventually(lambda: not processes_that_mention(str(runs.folder)))
    assert runs.rerun() == 10
    assert len(runs.faults.requests) == 10


def test_a_rerun_after_an_interruption_is_complete(runs: InterruptedRuns) -> None:
    runs.configure(apis=8)
    ended = runs.interrupt(lambda: eventually(lambda: len(runs.faults.requests) >= 4), signal.SIGINT)
    assert ended.exit_code == EXIT_CODES[signal.SIGINT], ended.errors
    assert "Traceback" not in ended.errors
    runs.check_bucket()
    assert runs.rerun() >= runs.apis
    eventually(lambda: not processes_that_mention(str(runs.folder)))


def test_a_backfill_goes_on_where_it_was_interrupted(runs: InterruptedRuns) -> None:
    runs.configure_days("2024-01-01", "2024-01-20", seconds_per_byte=0.0002)
    ended = runs.interrupt(lambda: eventually(lambda: len(runs.faults.requests) >= 9), signal.SIGTERM)
    assert "Traceback" not in ended.errors
    assert "run the same command again" in ended.errors
    runs.check_bucket()
    # what was being uploaded at the signal may be in both
    kept = {*runs.keys, *(entry.key for entry in runs.spool.entries())}
    asked_before = len(runs.faults.requests)
    runs.faults.clear()
    runs.run()
    assert runs.check_bucket() == 20
    assert runs.keys == [f"mix_00/mix_202401{day:02}.csv" for day in range(1, 21)]
    # what is in the bucket, or was uploaded from the spool, is not asked for again
    assert len(runs.faults.requests) - asked_before == 20 - len(kept)
    assert runs.spool.entries() == ()
    eventually(lambda: not processes_that_mention(str(runs.folder)))


def test_a_second_interrupt_begins_nothing_anew(runs: InterruptedRuns) -> None:
    # more than there are threads, so that tasks wait for their turn
    runs.configure_days("2024-01-01", "2024-06-30", seconds_per_byte=0.0002)
    process = runs.start()
    eventually(lambda: len(runs.faults.requests) >= 9)
    process.send_signal(signal.SIGINT)
    asked_before = len(runs.faults.requests)
    eventually(lambda: "Finished in state Failed" in process.errors)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130, process.errors
    assert "Traceback" not in process.errors
    # but for those that were on their way at the signal
    assert len(runs.faults.requests) - asked_before <= 4
    runs.check_bucket()


def test_a_drain_leaves_the_uploads_of_a_running_process_to_it(runs: InterruptedRuns) -> None:
    runs.configure(apis=3, seconds_per_byte=0)
    with held_uploads(runs, 3, is_written=True) as relay:
        process = runs.start()
        eventually(lambda: relay.refused == 3)
        assert len(runs.spool.entries()) == 3
        assert runs.spool.state()["objects"] == 0, "a running process uploads them"
        report = runs.drain()
        assert (report.stored_uris, report.superseded_uris, report.problems) == ((), (), ())
        assert len(runs.spool.entries()) == 3
        relay.is_holding = False
        assert process.wait(60) == 0, process.errors
    assert runs.spool.entries() == ()
    assert runs.check_bucket() == 3


@pytest.fixture
def runs_on_their_own_server(
    tmp_path: Path, embedded_s3: EmbeddedS3, new_prefect_home: Callable[[Path], Path]
) -> Iterator[InterruptedRuns]:
    """Runs that start a Prefect server of their own."""
    with interrupted_runs(tmp_path, embedded_s3) as found:
        new_prefect_home(found.folder / "prefect")
        yield found


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_run_on_its_own_prefect_server_ends_in_time(
    runs_on_their_own_server: InterruptedRuns, how: signal.Signals
) -> None:
    runs = runs_on_their_own_server
    runs.configure(apis=3)
    runs.faults.clear()
    runs.faults.add("*", Fault("hang"), times=None)
    process = runs.start()
    eventually(lambda: len(runs.faults.requests) >= 3, 120)
    process.send_signal(how)
    assert process.wait(20) == EXIT_CODES[how], process.errors
    assert "Traceback" not in process.errors
    eventually(lambda: not processes_that_mention(str(runs.folder)))


INTERRUPTED_CALLER = """
import sys
from flows.integration import EnergyDataPipelineIntegration
pipeline = EnergyDataPipelineIntegration(*sys.argv[1:])
try:
    pipeline.run_full_pipeline()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    print(pipeline.run_full_pipeline()["pipeline_status"])
"""


def test_a_caller_of_the_class_goes_on_after_an_interrupt(runs_on_their_own_server: InterruptedRuns) -> None:
    runs = runs_on_their_own_server
    runs.configure(apis=3, seconds_per_byte=0)
    runs.faults.add("*", Fault("hang"), times=3)
    process = runs.start_caller(INTERRUPTED_CALLER)
    eventually(lambda: len(runs.faults.requests) == 3, 120)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0, process.errors
    assert process.output.split() == ["interrupted", "completed"]
    assert runs.check_bucket() == 3


def test_a_killed_run_leaves_no_prefect_server_of_its_own(runs_on_their_own_server: InterruptedRuns) -> None:
    runs = runs_on_their_own_server
    runs.configure(apis=2)
    runs.interrupt(lambda: eventually(lambda: runs.faults.requests, 120), signal.SIGKILL)
    eventually(lambda: not processes_that_mention(str(runs.folder)))
