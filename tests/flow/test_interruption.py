"""Runs that are ended from outside: a rerun is complete, nothing is torn, nothing is left running."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.process.prefect_server import EmbeddedPrefectServer
from flows.run_report.last_run import last_results
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import eventually
from tests.flow.processes import processes_that_mention
from tests.interrupted_runs import InterruptedRuns, interrupted_runs


@contextmanager
def endpoint_that_never_answers() -> Iterator[tuple[str, list[socket.socket]]]:
    """Takes connections and says nothing; gives its URL and the connections."""
    connections: list[socket.socket] = []
    ended = threading.Event()

    def accept() -> None:
        while not ended.is_set():
            try:
                connections.append(listener.accept()[0])
            except TimeoutError:
                continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", connections
        finally:
            ended.set()
            thread.join()
            for connection in connections:
                connection.close()


@pytest.mark.parametrize(
    ("how", "after_requests"),
    [(signal.SIGTERM, 1), (signal.SIGINT, 4), (signal.SIGKILL, 7)],
)
def test_a_rerun_after_an_interruption_is_complete(
    runs: InterruptedRuns, how: signal.Signals, after_requests: int
) -> None:
    runs.configure(apis=8)
    ended = runs.interrupt(lambda: eventually(lambda: len(runs.faults.requests) >= after_requests), how)
    assert ended.exit_code == {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -9}[how], ended.errors
    assert "Traceback" not in ended.errors
    runs.check_bucket()
    assert runs.rerun() >= runs.apis
    eventually(lambda: not processes_that_mention(str(runs.folder)))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_backfill_goes_on_where_it_was_interrupted(runs: InterruptedRuns, how: signal.Signals) -> None:
    runs.configure_days("2024-01-01", "2024-01-20", seconds_per_byte=0.0002)
    ended = runs.interrupt(lambda: eventually(lambda: len(runs.faults.requests) >= 9), how)
    assert "Traceback" not in ended.errors
    assert ("run the same command again" in ended.errors) == (how is not signal.SIGKILL)
    runs.check_bucket()
    # what was being uploaded just then may be in both
    kept = {*runs.keys, *(entry.key for entry in runs.spool.entries())}
    asked_before = len(runs.faults.requests)
    runs.faults.clear()
    runs.run()
    assert runs.check_bucket() == 20
    assert runs.keys == [f"mix_00/mix_202401{day:02}.csv" for day in range(1, 21)]
    # what is in the bucket, or was brought there from the spool, is not asked for again
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
    # but for those that were on their way just then
    assert len(runs.faults.requests) - asked_before <= 4
    runs.check_bucket()


def test_what_was_collected_when_a_run_is_ended_is_kept(runs: InterruptedRuns) -> None:
    runs.configure(apis=5)
    with endpoint_that_never_answers() as (dead_endpoint, connections):
        runs.variables["AWS_ENDPOINT_URL_S3"] = dead_endpoint
        ended = runs.interrupt(lambda: eventually(lambda: len(connections) >= 5), signal.SIGTERM)
    assert ended.exit_code == 143, ended.errors
    assert runs.spool.state()["objects"] == 5
    recorded = last_results(runs.folder / ".energy-pipeline")
    assert recorded is not None
    assert recorded["errors"] == ["the run did not come to its end"]
    eventually(lambda: not processes_that_mention(str(runs.folder)))

    del runs.variables["AWS_ENDPOINT_URL_S3"]
    assert runs.rerun() == 10
    assert len(runs.faults.requests) == 10


def test_what_waits_for_another_try_is_kept_should_the_process_be_killed(
    tmp_path: Path, prefect_server: EmbeddedPrefectServer
) -> None:
    with (
        EmbeddedS3(tmp_path / "s3") as s3,
        interrupted_runs(tmp_path, s3, prefect_server.client_settings) as runs,
    ):
        runs.configure(apis=2)
        runs.s3.stop()
        runs.interrupt(lambda: eventually(lambda: runs.spool.state()["objects"] == 2), signal.SIGKILL)
        runs.s3.start()
        runs.s3.wait_until_ready()
        assert runs.rerun() == 4


def test_a_killed_run_leaves_no_prefect_server_of_its_own(
    tmp_path: Path, embedded_s3: EmbeddedS3, new_prefect_home: Callable[[Path], Path]
) -> None:
    with interrupted_runs(tmp_path, embedded_s3) as runs:
        runs.configure(apis=2)
        new_prefect_home(runs.folder / "prefect")
        runs.interrupt(lambda: eventually(lambda: runs.faults.requests, 120), signal.SIGKILL)
        eventually(lambda: not processes_that_mention(str(runs.folder)))
