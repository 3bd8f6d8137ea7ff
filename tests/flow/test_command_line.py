"""The command line in its own process: exit codes, stdout and stderr."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.sandbox.s3_server import EmbeddedS3
from tests.commands import StartedCommand
from tests.conftest import IsoneSandbox, eventually
from tests.flow.conftest import RunCommand, StartCommand
from tests.flow.processes import processes_that_mention
from tests.providers import faults

WriteConfig = Callable[..., Path]


def unlike(command: StartedCommand, exit_code: int, reason: str) -> str | None:
    """How a command differs from one that ends with this code and this reason, without a traceback."""
    ended_with, errors = command.wait(100), " ".join(command.errors.split())
    if ended_with == exit_code and reason in errors and "Traceback" not in errors:
        return None
    return f"exit code {ended_with}, expected {exit_code} and {reason!r}: {errors}"


@pytest.mark.usefixtures("on_prefect_server")
def test_run_prints_the_table_and_every_key_and_exits_0(
    run_command: RunCommand, write_config: WriteConfig, isone: IsoneSandbox, bucket: str
) -> None:
    config_file = write_config(
        isone.api("Fuel Mix", "genfuelmix/current"), isone.api("Empty", "genfuelmix/day/20991231")
    )
    isone.faults.add("*/genfuelmix/current", faults.status(503, Retry_After="0"))
    # an empty variable counts as unset
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


def test_without_a_prefect_server_run_starts_its_own_and_stops_it(
    run_command: RunCommand,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
    tmp_path: Path,
    new_prefect_home: Callable[[Path], Path],
) -> None:
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


def test_folders_that_cannot_be_made_are_named_in_the_error(
    start_command: StartCommand, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    drain = start_command("drain", PREFECT_HOME=str(tmp_path / "file" / "home"))
    (tmp_path / ".energy-pipeline").write_text("no folder")
    demo = start_command("demo")
    assert unlike(drain, 2, "no Prefect server can be started, because") is None
    assert unlike(demo, 1, f"{tmp_path / '.energy-pipeline'}, which cannot be made") is None


WRONG_COMMANDS = {
    "unknown option": (("run", "--bogus"), "--bogus"),
    "unknown API": (("run", "--api", "Fule Mix"), "did you mean 'Fuel Mix'?"),
    "missing file": (("run", "--config", "nowhere.json"), "there is no such file"),
    "missing file to validate": (("validate", "--config", "nowhere.json"), "there is no such file"),
    "no bucket known": (("status",), "no bucket is named"),
}


@pytest.mark.usefixtures("on_prefect_server")
def test_wrong_usage_exits_2_and_says_what_is_wrong(
    start_command: StartCommand, write_config: WriteConfig, isone: IsoneSandbox
) -> None:
    config_file = write_config(isone.api("Fuel Mix", "genfuelmix/current"))
    # a block that no other test registers
    variables = {"ENERGY_PIPELINE_CONFIG_FILE": str(config_file), "ENERGY_PIPELINE_S3_BLOCK": "nowhere"}
    started = {case: start_command(*wrong, **variables) for case, (wrong, _) in WRONG_COMMANDS.items()}
    differences = {case: unlike(started[case], 2, reason) for case, (_, reason) in WRONG_COMMANDS.items()}
    assert {case: difference for case, difference in differences.items() if difference} == {}
    assert isone.faults.requests == ()


def test_a_prefect_server_that_does_not_answer_is_named_in_the_error(
    start_command: StartCommand, write_config: WriteConfig, isone: IsoneSandbox
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
    config_file = write_config(isone.api("Fuel Mix", "genfuelmix/current"))
    variables = {"ENERGY_PIPELINE_CONFIG_FILE": str(config_file), "PREFECT_API_URL": url}
    reason = f"PREFECT_API_URL: the Prefect server at {url} does not answer"
    run = start_command("run", "--json", **variables)
    assert unlike(run, 2, reason) is None
    results = json.loads(run.output)
    assert results["pipeline_status"] == "failed"
    assert results["errors"][0].startswith(reason)
    assert isone.faults.requests == ()
    others = [
        start_command(*each, **variables) for each in (("status",), ("drain",), ("validate", "--probe"))
    ]
    assert [unlike(command, 2, reason) for command in others] == [None, None, None]


def test_a_malformed_configuration_is_an_error_that_names_the_file(
    start_command: StartCommand, tmp_path: Path
) -> None:
    started = {}
    for number, text in enumerate(["", "   ", "{", "[]", '{"apis": []}', '{"apis": {}}', "\x00"]):
        file = tmp_path / f"broken_{number}.json"
        file.write_text(text, encoding="utf-8")
        started[text] = start_command("validate", "--config", file), file
    differences = {text: unlike(command, 2, str(file)) for text, (command, file) in started.items()}
    assert {text: difference for text, difference in differences.items() if difference} == {}


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
def test_an_interrupted_run_ends_with_the_exit_code_of_its_signal(
    start_command: StartCommand, write_config: WriteConfig, isone: IsoneSandbox, bucket: str
) -> None:
    isone.faults.add("*", faults.Fault("hang"), times=None)
    config_file = write_config(
        isone.api("Fuel Mix", "genfuelmix/current"), isone.api("Morning Report", "morningreport/current")
    )
    options = ("--config", config_file, "--bucket", bucket)
    by_ctrl_c = start_command("run", "--api", "Fuel Mix", *options)
    by_sigterm = start_command("run", "--api", "Morning Report", *options)
    eventually(lambda: isone.faults.requests_to("/genfuelmix/*"))
    by_ctrl_c.send_signal(signal.SIGINT)
    eventually(lambda: isone.faults.requests_to("/morningreport/*"))
    by_sigterm.send_signal(signal.SIGTERM)
    assert (by_ctrl_c.wait(100), by_sigterm.wait(100)) == (130, 143), by_ctrl_c.errors + by_sigterm.errors
    assert "Traceback" not in by_ctrl_c.errors + by_sigterm.errors
