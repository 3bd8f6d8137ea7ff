"""Commands whose standard streams are closed, full or ASCII, and whose HOME does not exist yet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import IsoneSandbox

WriteConfig = Callable[..., Path]
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="the redirections are those of a POSIX shell"),
    pytest.mark.usefixtures("aws_environment"),
]
NO_DEVICE = not Path("/dev/full").exists()
ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}


def run_in_shell(
    arguments: str, redirections: str, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `energy-pipeline` with these redirections of a POSIX shell."""
    return subprocess.run(
        ["sh", "-c", f'exec "{sys.executable}" -m flows {arguments} {redirections}'],
        cwd=folder,
        env={
            **os.environ,
            "NO_COLOR": "1",
            "ENERGY_PIPELINE_STATE_DIR": str(folder / "state"),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.usefixtures("on_prefect_server")
@pytest.mark.parametrize(
    ("redirections", "exit_code"),
    [
        ("<&-", 0),
        (">&-", 0),
        ("<&- >&- 2>&-", 0),
        pytest.param(">/dev/full", 1, marks=pytest.mark.skipif(NO_DEVICE, reason="needs /dev/full")),
        pytest.param("2>/dev/full", 0, marks=pytest.mark.skipif(NO_DEVICE, reason="needs /dev/full")),
    ],
)
def test_a_stream_that_is_closed_or_full_ends_in_a_line_with_all_data_stored(
    write_config: WriteConfig,
    isone: IsoneSandbox,
    bucket: str,
    tmp_path: Path,
    redirections: str,
    exit_code: int,
) -> None:
    config_file = write_config(isone.api("Prices é", "genfuelmix/current", output_folder="prices"))
    done = run_in_shell(f"run --config '{config_file}' --bucket {bucket}", redirections, tmp_path)
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr
    if exit_code:
        assert "error: the output could not be written to stdout: No space left on device" in done.stderr
    state = json.loads((tmp_path / "state" / "last-run.json").read_text(encoding="utf-8"))
    assert state["statistics"]["successful_uploads"] == 1


@pytest.mark.usefixtures("on_prefect_server")
def test_an_ascii_terminal_shows_escapes_and_json_that_can_be_read(
    write_config: WriteConfig, isone: IsoneSandbox, bucket: str, tmp_path: Path
) -> None:
    name = "Prix de l'électricité 電"
    config_file = write_config(isone.api(name, "genfuelmix/current", output_folder="prices"))
    arguments = f"run --config '{config_file}' --bucket {bucket}"
    done = run_in_shell(f"{arguments} --json", "", tmp_path, **ASCII)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["results"][0]["api_name"] == name
    shown = run_in_shell(arguments, "", tmp_path, **ASCII)
    assert shown.returncode == 0, shown.stderr
    assert "Traceback" not in shown.stderr
    assert "\\xe9lectricit\\xe9" in shown.stdout


def test_a_home_that_does_not_exist_yet_is_made(
    write_config: WriteConfig, isone: IsoneSandbox, bucket: str, tmp_path: Path
) -> None:
    config_file = write_config(isone.api("Fuel Mix", "genfuelmix/current"))
    home = tmp_path / "not" / "there" / "yet"
    done = run_in_shell(f"run --config '{config_file}' --bucket {bucket}", "", tmp_path, HOME=str(home))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    assert (home / ".prefect").is_dir()
