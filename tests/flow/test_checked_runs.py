"""Runs whose data changes: findings are reported, failed checks fail the API, the data is stored anyway."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows.integration import EnergyDataPipelineIntegration
from flows.orchestration.artifacts import report_markdown
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import IsoneSandbox
from tests.providers import faults

MakePipeline = Callable[[Path], EnergyDataPipelineIntegration]
WriteConfig = Callable[..., Path]


def response(*rows: dict[str, Any]) -> faults.Fault:
    return faults.json_body(json.dumps({"Rows": {"Row": list(rows)}}).encode())


def test_a_finding_is_shown_and_where_it_is_a_failure_fails_the_api_with_its_data_stored(
    pipeline_on: MakePipeline,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
) -> None:
    strict = {"types": "fail", "duplicate_keys": "fail", "row_count": "off"}
    pipeline = pipeline_on(
        write_config(
            isone.api("lax", "genfuelmix/current", outputs=["csv", "raw", "parquet"]),
            isone.api("strict", "morningreport/current", checks=strict, key_columns=["hour"]),
        )
    )
    before = [{"hour": hour, "mw": 10.5} for hour in range(12)]
    isone.faults.add("*", response(*before), times=2)
    results = pipeline.run_full_pipeline()
    assert [result["findings"] for result in results["results"]] == [[], []]
    assert results["summary"]["successful_end_to_end"] == 2

    isone.faults.add("*", response(*before[:4], {"hour": 3, "mw": "n/a", "note": "x"}), times=None)
    results = pipeline.run_full_pipeline()
    lax, checked = results["results"]
    assert lax["error"] is None
    assert lax["findings"] == [
        "columns that the last object did not have: note",
        "columns that hold something else: mw (held numbers, holds text)",
        "5 rows, where the last object has 12",
    ]
    assert checked["findings"] == [
        "1 rows repeat the key_columns of another one, first: hour 3",
        "columns that hold something else: mw (held numbers, holds text)",
        "columns that the last object did not have: note",
    ]
    assert "a check of the data failed: 1 rows repeat" in str(checked["error"])
    assert (checked["collection_status"], checked["upload_status"]) == ("success", "success")
    assert results["statistics"]["successful_uploads"] == 2
    assert results["summary"]["successful_end_to_end"] == 1
    client = embedded_s3.client()
    body = client.get_object(Bucket=bucket, Key=str(checked["s3_key"]))["Body"].read()
    assert body.endswith(b"3,n/a,x\n")
    report = report_markdown(results)
    assert "held numbers, holds text" in report.replace("\\", "")


def test_lists_that_are_kept_are_told_once_and_again_where_columns_are_new(
    pipeline_on: MakePipeline, write_config: WriteConfig, isone: IsoneSandbox
) -> None:
    pipeline = pipeline_on(write_config(isone.api("lists", "genfuelmix/current")))
    row = {"hour": 1, "ties": [{"mw": 1}], "cities": [{"name": "Boston"}]}

    def findings(**more: object) -> list[str]:
        isone.faults.add("*", response({**row, **more}), times=1)
        (result,) = pipeline.run_full_pipeline()["results"]
        return result["findings"]

    kept = "lists of objects are kept as JSON text in ties, cities; name one under explode for rows"
    assert findings() == [kept]
    assert findings() == []
    assert findings(note="x") == [kept, "columns that the last object did not have: note"]


def test_findings_that_repeat_long_names_are_cut(
    pipeline_on: MakePipeline, write_config: WriteConfig, isone: IsoneSandbox
) -> None:
    pipeline = pipeline_on(write_config(isone.api("long names", "genfuelmix/current")))
    lists = {f"list_{number:0100}": [{"mw": 1}] for number in range(1_000)}
    for row in ({"hour": 1}, {"hour": 1, **lists}):
        isone.faults.add("*", response(row), times=1)
        (result,) = pipeline.run_full_pipeline()["results"]
        assert result["error"] is None
        assert all(len(finding) <= 1_001 for finding in result["findings"])
    assert any(finding.endswith("…") for finding in result["findings"])
