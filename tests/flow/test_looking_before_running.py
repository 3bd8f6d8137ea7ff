"""`preview`, `validate --probe`, `catalog` and `add` in their own processes, and a run with every output."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.process.prefect_server import EmbeddedPrefectServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import PASSWORD, IsoneSandbox
from tests.flow.conftest import RunCommand
from tests.providers import faults

WriteConfig = Callable[..., Path]


def objects_in(s3: EmbeddedS3, bucket: str) -> list[str]:
    return [entry["Key"] for entry in s3.client().list_objects_v2(Bucket=bucket).get("Contents", [])]


class TestPreview:
    def test_it_shows_columns_types_first_rows_and_where_they_were_found(
        self, run_command: RunCommand, write_config: WriteConfig, isone: IsoneSandbox
    ) -> None:
        config = write_config(isone.api("Fuel Mix", "genfuelmix/day/20240101"))
        done = run_command("preview", "fuel mix", "--config", config, "--rows", "2")
        assert done.returncode == 0, done.stderr
        assert "records found at: GenFuelMixes > GenFuelMix" in done.stdout
        assert f"requested: {isone.url}/genfuelmix/day/20240101" in done.stdout
        assert "BeginDate" in done.stdout
        assert "Int64" in done.stdout
        assert "2024-01-01T00:" in done.stdout
        assert "nothing was stored" in done.stdout
        # the configuration refers to no block, so that Prefect is not needed
        assert "Prefect" not in done.stdout + done.stderr

    def test_as_json_it_is_one_document(
        self, run_command: RunCommand, write_config: WriteConfig, isone: IsoneSandbox
    ) -> None:
        config = write_config(isone.api("Report", "morningreport/day/20240101"))
        done = run_command("preview", "Report", "--config", config, "--json")
        preview = json.loads(done.stdout)
        assert (preview["api_name"], preview["rows"], preview["requests"]) == ("Report", 1, 1)
        assert {"name": "ReportType", "type": "String", "empty": 0} in preview["columns"]
        assert any("kept as JSON text" in finding for finding in preview["findings"])

    @pytest.mark.parametrize(
        ("name", "code", "said"), [("Fule Mix", 2, "did you mean"), ("Fuel Mix", 1, "HTTP 404")]
    )
    def test_what_cannot_be_previewed_is_told_in_one_line(
        self,
        run_command: RunCommand,
        write_config: WriteConfig,
        isone: IsoneSandbox,
        name: str,
        code: int,
        said: str,
    ) -> None:
        config = write_config(isone.api("Fuel Mix", "nothing/here"))
        done = run_command("preview", name, "--config", config)
        assert done.returncode == code
        assert said in done.stderr
        assert "Traceback" not in done.stderr


class TestProbe:
    def test_every_api_and_the_bucket_are_asked_and_all_is_told(
        self,
        run_command: RunCommand,
        write_config: WriteConfig,
        isone: IsoneSandbox,
        embedded_s3: EmbeddedS3,
        bucket: str,
    ) -> None:
        wrong_auth = {"kind": "basic", "username": {"env": "SANDBOX_USER"}, "password": {"env": "WRONG"}}
        unset_auth = {"kind": "bearer", "token": {"env": "NOT_SET_ANYWHERE"}}
        isone.faults.add("/morningreport/*", faults.status(503), times=None)
        config = write_config(
            isone.api("Good", "genfuelmix/current"),
            isone.api("Empty", "genfuelmix/day/20991231"),
            isone.api("Down", "morningreport/current", max_attempts=4),
            isone.api("Refused", "hourlylmp/da/final/current", auth=wrong_auth),
            isone.api("Unset", "sevendayforecast/current", auth=unset_auth),
        )
        done = run_command(
            "validate", "--probe", "--config", config, "--bucket", bucket, "--json", WRONG="wrong-1234"
        )
        report = json.loads(done.stdout)
        answers = {probe["name"]: (probe["ok"], probe["detail"]) for probe in report["probes"]}
        assert [ok for ok, _ in answers.values()] == [True, True, False, False, False, True, True]
        assert "reachable, access granted" in answers["Good"][1]
        assert "HTTP 503" in answers["Down"][1]
        assert "HTTP 401" in answers["Refused"][1]
        assert "NOT_SET_ANYWHERE is not set" in answers["Unset"][1]
        assert "writing was not tried" in answers[f"bucket {bucket}"][1]
        assert "wrong-1234" not in done.stdout + done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        # an unset variable makes the configuration wrong, whatever the other probes find
        assert (report["config_valid"], done.returncode) == (False, 2)
        assert len(isone.faults.requests_to("/morningreport/*")) == 1
        assert objects_in(embedded_s3, bucket) == []

    def test_a_probe_that_fails_exits_1_and_one_that_does_not_0(
        self, run_command: RunCommand, write_config: WriteConfig, isone: IsoneSandbox, bucket: str
    ) -> None:
        config = write_config(isone.api("Good", "genfuelmix/current"))
        done = run_command("validate", "--probe", "--config", config, "--bucket", bucket)
        assert done.returncode == 0, done.stderr
        assert "ok     Good" in done.stdout
        gone = run_command("validate", "--probe", "--config", config, "--bucket", "no-such-bucket")
        assert gone.returncode == 1
        assert "no-such-bucket" in gone.stdout


class TestCatalogAndAdd:
    def test_a_dataset_is_found_added_and_previewed(
        self, run_command: RunCommand, write_config: WriteConfig, isone: IsoneSandbox
    ) -> None:
        found = run_command("catalog", "fuel", "current", "--json")
        paths = [endpoint["path"] for endpoint in json.loads(found.stdout)]
        assert paths[0] == "/genfuelmix/current"
        config = write_config(isone.api("Fuel Mix", "genfuelmix/current"))
        before = config.read_text()
        shown = run_command("add", paths[0], "--config", config, "--dry-run")
        assert json.loads(shown.stdout)["history_url"].endswith("/genfuelmix/day/{start:%Y%m%d}")
        assert config.read_text() == before
        added = run_command(
            "add", f"{isone.url}/sevendayforecast/current", "--name", "Forecast", "--config", config
        )
        assert added.returncode == 0, added.stderr
        assert 'python -m flows preview "Forecast"' in added.stderr
        document = json.loads(config.read_text())
        assert document["apis"][-1] == json.loads(added.stdout)
        document["apis"][-1]["auth"] = document["apis"][0]["auth"]
        config.write_text(json.dumps(document))
        preview = run_command("preview", "Forecast", "--config", config, "--json")
        assert json.loads(preview.stdout)["rows"] == 6
        again = run_command("add", f"{isone.url}/sevendayforecast/current", "--config", config, "--dry-run")
        assert 'note: "Forecast" in this file sends the same request' in again.stderr

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["/genfuelmx/current"], "did you mean /genfuelmix/current?"),
            (["/genfuelmix/current", "--name", "Fuel Mix"], "is also the name of"),
            (["/genfuelmix/current", "--value", "x"], "NAME=VALUE"),
            (["https://example.com/x?api_key=hunter2"], "by reference"),
        ],
    )
    def test_what_cannot_be_added_leaves_the_file_alone(
        self,
        run_command: RunCommand,
        write_config: WriteConfig,
        isone: IsoneSandbox,
        arguments: list[str],
        said: str,
    ) -> None:
        config = write_config(isone.api("Fuel Mix", "genfuelmix/current"))
        before = config.read_text()
        done = run_command("add", *arguments, "--config", config)
        assert done.returncode == 2
        assert said in done.stderr
        assert "hunter2" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert config.read_text() == before

    def test_nothing_found_exits_1(self, run_command: RunCommand) -> None:
        done = run_command("catalog", "no such dataset")
        assert done.returncode == 1
        assert "try fewer words" in done.stderr


def test_a_run_stores_every_output_and_pages_make_one_table(
    run_command: RunCommand,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    prefect_server: EmbeddedPrefectServer,
    bucket: str,
) -> None:
    options: dict[str, Any] = {
        "outputs": ["csv", "parquet", "raw"],
        "values": {"location": [4001, 4002]},
    }
    config = write_config(isone.api("LMP", "hourlylmp/da/final/day/20241103/location/{location}", **options))
    done = run_command(
        "run", "--config", config, "--bucket", bucket, "--json", **prefect_server.client_settings
    )
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert (result["rows"], result["attempts"]) == (50, 2)
    keys = [result["s3_key"], *result["other_s3_keys"]]
    assert sorted(keys) == sorted(objects_in(embedded_s3, bucket))
    client = embedded_s3.client()
    csv, parquet, raw = (client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys)
    assert [key.partition(".")[2] for key in keys] == ["csv", "parquet", "raw.zip"]
    frame = pl.read_parquet(io.BytesIO(parquet))
    assert frame.equals(pl.read_csv(io.BytesIO(csv), schema=frame.schema))
    assert frame["Location_LocId"].n_unique() == 2
    with zipfile.ZipFile(io.BytesIO(raw)) as pages:
        documents = [json.loads(pages.read(name)) for name in pages.namelist()]
    assert [len(document["HourlyLmps"]["HourlyLmp"]) for document in documents] == [25, 25]
