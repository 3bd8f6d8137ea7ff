"""The command line as its users run it: a process of its own, its exit code, its two outputs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.sandbox.s3_server import EmbeddedS3
from tests.commands import StartedCommand
from tests.conftest import IsoneSandbox, eventually
from tests.flow.conftest import RunCommand
from tests.flow.processes import processes_that_mention
from tests.providers import faults

WriteConfig = Callable[..., Path]


@pytest.mark.usefixtures("on_prefect_server")
def test_run_prints_the_table_and_every_key_and_exits_0(
    run_command: RunCommand, write_config: WriteConfig, isone: IsoneSandbox, bucket: str
) -> None:
    config_file = write_config(
        isone.api("Fuel Mix", "genfuelmix/current"), isone.api("Empty", "genfuelmix/day/20991231")
    )
    isone.faults.add("*/genfuelmix/current", faults.status(503, Retry_After="0"))
    # a variable that is set to nothing is as good as none
    done = run_command("run", "--config", config_file, "--bucket", bucket, AWS_PROFILE="")
    assert done.returncode == 0, done.stderr
    assert "retrying in 0.0 s" in " ".join(done.stderr.split())
    assert re.search(rf"Fuel Mix: s3://{bucket}/fuel_mix/fuel_mix_\d{{8}}_\d{{6}}\.csv", done.stdout)
    assert "Empty: no rows" in done.stdout
    assert "completed: 2 of 2 APIs" in done.stdout


@pytest.mark.usefixtures("on_prefect_server")
def test_json_output_is_the_results_alone_and_partial_failure_exits_1(
    run_command: RunCommand, write_config: WriteConfig, isone: IsoneSandbox, bucket: str
) -> None:
    isone.faults.add("/morningreport/*", faults.status(404), times=None)
    config_file = write_config(
        isone.api("Fuel Mix", "genfuelmix/current"), isone.api("Morning Report", "morningreport/current")
    )
    done = run_command("run", "--config", config_file, "--bucket", bucket, "--json")
    assert done.returncode == 1
    results = json.loads(done.stdout)
    assert set(results) == {
        "pipeline_status",
        "run_id",
        "started_at",
        "duration_seconds",
        "statistics",
        "summary",
        "results",
        "errors",
    }
    assert results["pipeline_status"] == "completed"
    assert results["summary"]["successful_end_to_end"] == 1
    assert "Traceback" not in done.stderr


def test_without_a_prefect_server_run_starts_its_own_and_leaves_nothing_behind(
    run_command: RunCommand,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
    tmp_path: Path,
    new_prefect_home: Callable[[Path], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    config_file = write_config(isone.api("Fuel Mix", "genfuelmix/current"))
    home = str(new_prefect_home(tmp_path / "prefect-home"))
    done = run_command(
        "run", "--config", config_file, "--json", PREFECT_HOME=home, ENERGY_PIPELINE_S3_BUCKET=bucket
    )
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert (
        embedded_s3.client().head_object(Bucket=bucket, Key=result["s3_key"])["ContentLength"]
        == result["bytes"]
    )
    assert "starting an embedded Prefect server" in done.stderr
    assert "Traceback" not in done.stderr
    assert processes_that_mention(home) == []


def test_a_prefect_home_that_cannot_be_written_is_told_in_a_line(
    run_command: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (tmp_path / "file").write_text("no folder")
    done = run_command("drain", PREFECT_HOME=str(tmp_path / "file" / "home"))
    assert done.returncode == 2
    assert "no Prefect server can be started, since" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_the_demo_says_where_it_cannot_keep_its_data(run_command: RunCommand, tmp_path: Path) -> None:
    (tmp_path / ".energy-pipeline").write_text("no folder")
    done = run_command("demo")
    assert done.returncode == 1
    assert f"{tmp_path / '.energy-pipeline'}, which cannot be made" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


WRONG_COMMANDS = {
    "unknown option": (("run", "--bogus"), "--bogus"),
    "unknown API": (("run", "--api", "Fule Mix"), "did you mean 'Fuel Mix'?"),
    "missing file": (("run", "--config", "nowhere.json"), "there is no such file"),
    "missing file to validate": (("validate", "--config", "nowhere.json"), "there is no such file"),
    "no bucket known": (("status",), "no bucket is named"),
}


@pytest.mark.usefixtures("on_prefect_server")
@pytest.mark.parametrize("case", WRONG_COMMANDS)
def test_wrong_usage_exits_2_and_says_what_is_wrong(
    run_command: RunCommand, write_config: WriteConfig, isone: IsoneSandbox, case: str
) -> None:
    arguments, reason = WRONG_COMMANDS[case]
    config_file = write_config(isone.api("Fuel Mix", "genfuelmix/current"))
    # not a block that another test has registered
    variables = {"ENERGY_PIPELINE_CONFIG_FILE": str(config_file), "ENERGY_PIPELINE_S3_BLOCK": "nowhere"}
    done = run_command(*arguments, **variables)
    assert done.returncode == 2
    assert reason in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert isone.faults.requests == ()


@pytest.mark.parametrize("arguments", [("run", "--json"), ("status",), ("drain",), ("validate", "--probe")])
def test_a_prefect_server_that_does_not_answer_is_told_in_a_line(
    run_command: RunCommand, write_config: WriteConfig, isone: IsoneSandbox, arguments: tuple[str, ...]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
    config_file = write_config(isone.api("Fuel Mix", "genfuelmix/current"))
    done = run_command(*arguments, ENERGY_PIPELINE_CONFIG_FILE=str(config_file), PREFECT_API_URL=url)
    assert done.returncode == 2
    told = f"PREFECT_API_URL: the Prefect server at {url} does not answer"
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    if "--json" in arguments:
        results = json.loads(done.stdout)
        assert results["pipeline_status"] == "failed"
        assert results["errors"][0].startswith(told)
        assert isone.faults.requests == ()


@pytest.mark.parametrize("text", ["", "   ", "{", "[]", '{"apis": []}', '{"apis": {}}', "\x00"])
def test_a_malformed_configuration_is_a_clear_error(
    run_command: RunCommand, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "broken.json"
    file.write_text(text, encoding="utf-8")
    done = run_command("validate", "--config", file)
    assert done.returncode == 2
    assert str(file) in done.stderr
    assert "Traceback" not in done.stderr


def test_validate_reports_every_problem_as_one_json_document(
    run_command: RunCommand, write_config: WriteConfig, isone: IsoneSandbox
) -> None:
    wrong = isone.api("Fuel Mix", "genfuelmix/current", tiemout_seconds=3, format="jsn")
    report = json.loads(run_command("validate", "--json", "--config", write_config(wrong)).stdout)
    assert report["config_valid"] is False
    assert len(report["errors"]) == 2
    assert any(
        "$.apis[0].tiemout_seconds" in error and "'timeout_seconds'" in error for error in report["errors"]
    )
    assert any("$.apis[0].format" in error and "'json'" in error for error in report["errors"])


def test_validate_accepts_a_valid_configuration(
    run_command: RunCommand, write_config: WriteConfig, isone: IsoneSandbox
) -> None:
    done = run_command("validate", "--config", write_config(isone.api("Fuel Mix", "genfuelmix/current")))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Fuel Mix" in done.stdout


@pytest.mark.usefixtures("on_prefect_server")
def test_status_shows_the_last_run_and_the_newest_objects(
    run_command: RunCommand, write_config: WriteConfig, isone: IsoneSandbox, bucket: str
) -> None:
    config_file = write_config(isone.api("Fuel Mix", "genfuelmix/current"))
    options = ("--config", config_file, "--bucket", bucket)
    before = json.loads(run_command("status", *options, "--json").stdout)
    assert (before["last_run"], before["apis"][0]["last_key"]) == (None, None)
    done = run_command("run", *options, "--json")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    after = json.loads(run_command("status", *options, "--json").stdout)
    assert after["last_run"] == results
    assert after["apis"][0]["last_key"] == results["results"][0]["s3_key"]
    assert results["results"][0]["s3_key"].rpartition("/")[2] in run_command("status", *options).stdout


@pytest.mark.usefixtures("on_prefect_server")
@pytest.mark.parametrize(
    ("interruption", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_an_interrupted_run_ends_with_its_own_exit_code(
    aws_environment: None,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    bucket: str,
    tmp_path: Path,
    interruption: signal.Signals,
    exit_code: int,
) -> None:
    isone.faults.add("*", faults.Fault("hang"), times=None)
    config_file = write_config(
        isone.api("Fuel Mix", "genfuelmix/current", timeout_seconds=5, max_attempts=20)
    )
    options = ("--config", config_file, "--bucket", bucket)
    command = StartedCommand("run", *options, folder=tmp_path, variables=os.environ, outputs=tmp_path)
    eventually(lambda: isone.faults.requests)
    command.send_signal(interruption)
    assert command.wait(100) == exit_code, command.errors
    assert "Traceback" not in command.errors
