"""Backfills: each missing window is collected once, stored under its date, and failures name their dates."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey

from flows.integration import EnergyDataPipelineIntegration
from flows.orchestration.progress_artifact import PROGRESS_KEY
from flows.run_report import ApiResult
from flows.run_report.date_counts import WindowCounts
from flows.run_report.progress import Progress
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import IsoneSandbox
from tests.flow.conftest import RunCommand, StartCommand
from tests.providers import faults

PipelineOn = Callable[[Path], EnergyDataPipelineIntegration]
WriteConfig = Callable[..., Path]

EASTERN = {"unit": "day", "timezone": "America/New_York"}
DEMAND = "hourlylmp/da/final"


def lmp(isone: IsoneSandbox, name: str = "Hub LMP", **options: Any) -> dict[str, Any]:
    history = {"history_url": f"{isone.url}/{DEMAND}/day/{{start:%Y%m%d}}/location/4000", "dates": EASTERN}
    return isone.api(name, f"{DEMAND}/current", **{**history, **options})


def keys_in(s3: EmbeddedS3, bucket: str) -> list[str]:
    return sorted(entry["Key"] for entry in s3.client().list_objects_v2(Bucket=bucket).get("Contents", []))


def rows_of(s3: EmbeddedS3, bucket: str, key: str) -> pl.DataFrame:
    body = s3.client().get_object(Bucket=bucket, Key=key)["Body"].read()
    return pl.read_csv(io.BytesIO(body))


def counts_of(result: ApiResult) -> dict[str, int]:
    windows: WindowCounts = result["windows"]
    counts = {name: value for name, value in windows.items() if isinstance(value, int) and value}
    assert sum(counts.values()) == 2 * windows["planned"], "all but `planned` add up to it"
    return counts


def test_each_day_is_one_object_that_is_collected_once(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
) -> None:
    pipeline = pipeline_on(write_config(lmp(isone)))
    seen: list[Progress] = []
    results = pipeline.run_backfill(date(2024, 3, 9), date(2024, 3, 11), show=seen.append)
    (result,) = results["results"]
    assert (result["collection_status"], result["upload_status"], result["error"]) == (
        "success",
        "success",
        None,
    )
    assert counts_of(result) == {"planned": 3, "stored": 3}
    keys = [f"hub_lmp/hub_lmp_202403{day}.csv" for day in ("09", "10", "11")]
    assert keys_in(embedded_s3, bucket) == keys
    assert sorted([*result["other_s3_keys"], str(result["s3_key"])]) == keys
    # the day on which the clocks go forward has 23 hours
    assert [rows_of(embedded_s3, bucket, key).height for key in keys] == [24, 23, 24]
    assert result["rows"] == 71
    assert (seen[-1].planned, seen[-1].done, seen[-1].rows) == (3, 3, 71)
    stored = embedded_s3.client().head_object(Bucket=bucket, Key=keys[1])["Metadata"]
    assert (stored["window-start"], stored["window-end"]) == (
        "2024-03-10T00:00:00-05:00",
        "2024-03-11T00:00:00-04:00",
    )
    assert stored["rows"] == "23"
    assert stored["source-url"].endswith("/day/20240310/location/4000")

    with get_client(sync_client=True) as client:
        mine = ArtifactFilterFlowRunId(any_=[UUID(results["run_id"])])
        key = ArtifactFilterKey(any_=[PROGRESS_KEY])
        artifacts = client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=mine, key=key))
    assert [artifact.data for artifact in artifacts] == [100.0]

    asked = len(isone.faults.requests)
    again = pipeline.run_backfill(date(2024, 3, 8), date(2024, 3, 11))
    assert counts_of(again["results"][0]) == {"planned": 4, "already_stored": 3, "stored": 1}
    assert len(isone.faults.requests) == asked + 1, "what is stored is not asked for again"
    assert len(keys_in(embedded_s3, bucket)) == 4

    forced = pipeline.run_backfill(date(2024, 3, 9), date(2024, 3, 9), force=True)
    assert counts_of(forced["results"][0]) == {"planned": 1, "stored": 1}
    assert len(keys_in(embedded_s3, bucket)) == 4, "a day collected again takes the place of the first"


def test_what_fails_is_told_by_date_and_only_that_is_collected_by_the_next_run(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
) -> None:
    pipeline = pipeline_on(write_config(lmp(isone), isone.api("Fuel Mix", "genfuelmix/current")))
    isone.faults.add("*/day/20240102/*", faults.status(400), times=None)
    isone.faults.add("*/day/20240104/*", faults.Fault("no-rows"), times=None)
    results = pipeline.run_backfill(date(2024, 1, 1), date(2024, 1, 5))
    # the other returns current data only, and was not named
    (result,) = results["results"]
    assert counts_of(result) == {"planned": 5, "stored": 3, "empty": 1, "failed": 1}
    assert [failure["dates"] for failure in result["windows"]["failures"]] == ["20240102"]
    assert str(result["error"]).startswith("1 of 5 failed, the first 20240102: HTTP 400")
    assert (result["collection_status"], results["pipeline_status"]) == ("failed", "completed")
    assert results["statistics"]["failed_collections"] == 1

    isone.faults.clear()
    asked = len(isone.faults.requests)
    again = pipeline.run_backfill(date(2024, 1, 1), date(2024, 1, 5))
    assert counts_of(again["results"][0]) == {"planned": 5, "already_stored": 3, "stored": 2}
    assert len(isone.faults.requests) == asked + 2
    assert len(keys_in(embedded_s3, bucket)) == 5


def test_an_api_that_refuses_its_credentials_is_not_asked_for_every_day(
    pipeline_on: PipelineOn, write_config: WriteConfig, isone: IsoneSandbox
) -> None:
    pipeline = pipeline_on(write_config(lmp(isone, max_concurrency=1)))
    isone.faults.add("*", faults.status(401), times=None)
    results = pipeline.run_backfill(date(2024, 1, 1), date(2024, 3, 31))
    assert results["pipeline_status"] == "failed"
    (result,) = results["results"]
    counts = counts_of(result)
    assert counts["planned"] == 91
    # those in flight when the first response came
    assert len(isone.faults.requests) == counts["failed"] <= 4
    assert "not asked for" in result["windows"]["failures"][-1]["error"]


def test_a_day_that_is_not_published_yet_is_empty_and_today_is_collected_again_tomorrow(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
) -> None:
    pipeline = pipeline_on(write_config(lmp(isone)))
    today = datetime.now(ZoneInfo("America/New_York")).date()
    yesterday = today - timedelta(days=1)
    isone.faults.add(f"*/day/{yesterday:%Y%m%d}/*", faults.status(404), times=1)
    isone.faults.add("*/day/20240101/*", faults.status(404), times=1)
    results = pipeline.run_backfill(yesterday, today)
    assert counts_of(results["results"][0]) == {"planned": 2, "stored": 1, "empty": 1}
    # an object that was stored before its day was over may be incomplete
    results = pipeline.run_backfill(yesterday, today)
    assert counts_of(results["results"][0]) == {"planned": 2, "stored": 2}
    assert len(keys_in(embedded_s3, bucket)) == 2
    # a day that is long past is not awaited any more
    results = pipeline.run_backfill(date(2024, 1, 1), date(2024, 1, 1))
    assert counts_of(results["results"][0]) == {"planned": 1, "failed": 1}


def test_both_hours_that_an_autumn_clock_shows_twice_are_stored(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
) -> None:
    hourly = {"unit": "hour", "timezone": "America/New_York"}
    by_clock = f"{isone.url}/{DEMAND}/day/{{start:%Y%m%d}}/hour/{{start:%H}}"
    by_offset = f"{isone.url}/genfuelmix/day/{{start:%Y%m%d}}?from={{start:%Y%m%dT%H%z}}"
    pipeline = pipeline_on(
        write_config(
            lmp(isone, dates=hourly, history_url=by_clock),
            lmp(isone, "Mix", dates=hourly, history_url=by_offset),
        )
    )
    results = pipeline.run_backfill(date(2024, 11, 3), date(2024, 11, 3))
    prices, mix = results["results"]
    # a service that is asked for a local hour returns both of them in one response
    assert counts_of(prices) == {"planned": 24, "stored": 24}
    hours = rows_of(embedded_s3, bucket, "hub_lmp/hub_lmp_2024110301.csv")["BeginDate"].unique().sort()
    assert hours.to_list() == ["2024-11-03T01:00:00.000-04:00", "2024-11-03T01:00:00.000-05:00"]
    assert counts_of(mix) == {"planned": 25, "stored": 25}
    keys = keys_in(embedded_s3, bucket)
    assert "mix/mix_2024110301.csv" in keys
    assert "mix/mix_2024110301X.csv" in keys
    again = pipeline.run_backfill(date(2024, 11, 3), date(2024, 11, 3))
    assert [counts_of(result)["already_stored"] for result in again["results"]] == [24, 25]


def test_windows_of_several_days_are_asked_for_at_once_and_no_day_twice(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
) -> None:
    weekly = {**EASTERN, "max_window": 7}
    url = f"{isone.url}/genfuelmix/day/{{start:%Y%m%d}}?until={{last:%Y%m%d}}"
    pipeline = pipeline_on(write_config(lmp(isone, dates=weekly, history_url=url)))
    pipeline.run_backfill(date(2024, 1, 1), date(2024, 1, 10))
    assert keys_in(embedded_s3, bucket) == ["hub_lmp/hub_lmp_20240101.csv", "hub_lmp/hub_lmp_20240108.csv"]
    assert sorted(seen.query for seen in isone.faults.requests) == ["until=20240107", "until=20240110"]
    results = pipeline.run_backfill(date(2024, 1, 5), date(2024, 1, 14))
    assert counts_of(results["results"][0]) == {"planned": 10, "already_stored": 6, "stored": 4}
    assert isone.faults.requests[-1].query == "until=20240114"
    assert keys_in(embedded_s3, bucket)[-1] == "hub_lmp/hub_lmp_20240111.csv"


def test_a_day_that_is_collected_again_does_not_shorten_the_week_it_is_in(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
) -> None:
    url = f"{isone.url}/genfuelmix/day/{{start:%Y%m%d}}?until={{last:%Y%m%d}}&part={{part}}"
    weekly: dict[str, Any] = {"dates": {**EASTERN, "max_window": 7}, "history_url": url}
    # two responses for each week, which are stored as a ZIP archive
    api = lmp(isone, values={"part": [1, 2]}, outputs=["raw", "csv"], **weekly)
    pipeline = pipeline_on(write_config(api))
    pipeline.run_backfill(date(2024, 1, 1), date(2024, 1, 14))
    weeks = [f"hub_lmp/hub_lmp_202401{day}.{kind}" for day in ("01", "08") for kind in ("csv", "raw.zip")]
    assert keys_in(embedded_s3, bucket) == weeks
    asked = len(isone.faults.requests)
    again = pipeline.run_backfill(date(2024, 1, 1), date(2024, 1, 14))
    assert counts_of(again["results"][0]) == {"planned": 14, "already_stored": 14}
    assert len(isone.faults.requests) == asked

    forced = pipeline.run_backfill(date(2024, 1, 10), date(2024, 1, 10), force=True)
    assert counts_of(forced["results"][0]) == {"planned": 7, "stored": 7}
    assert {seen.query for seen in isone.faults.requests[asked:]} == {
        "until=20240114&part=1",
        "until=20240114&part=2",
    }
    assert keys_in(embedded_s3, bucket) == weeks


def test_a_day_of_which_only_some_is_published_is_not_stored_as_if_it_were_all(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
) -> None:
    url = f"{isone.url}/{DEMAND}/day/{{start:%Y%m%d}}/location/{{location}}"
    pipeline = pipeline_on(write_config(lmp(isone, history_url=url, values={"location": [4000, 4001]})))
    yesterday = (datetime.now(ZoneInfo("America/New_York")) - timedelta(days=1)).date()
    isone.faults.add("*/location/4001", faults.status(404), times=1)
    (result,) = pipeline.run_backfill(yesterday, yesterday)["results"]
    assert counts_of(result) == {"planned": 1, "failed": 1}
    assert "location 4001 is not published yet, while the rest is" in str(result["error"])
    assert [key.split("/")[1] for key in keys_in(embedded_s3, bucket)] == ["_rejected"]
    (again,) = pipeline.run_backfill(yesterday, yesterday)["results"]
    assert counts_of(again) == {"planned": 1, "stored": 1}


def test_a_day_that_is_an_error_in_a_200_fails_and_does_not_replace_what_is_stored(
    pipeline_on: PipelineOn,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
) -> None:
    pipeline = pipeline_on(write_config(lmp(isone, key_columns=["BeginDate"])))
    days = (date(2024, 1, 1), date(2024, 1, 2))
    pipeline.run_backfill(days[0], days[0])
    first = rows_of(embedded_s3, bucket, "hub_lmp/hub_lmp_20240101.csv")
    limited = faults.json_body(b'{"status": "error", "message": "rate limit exceeded"}')
    isone.faults.add("*", limited, times=None)
    (result,) = pipeline.run_backfill(*days, force=True)["results"]
    assert counts_of(result) == {"planned": 2, "failed": 2}
    assert (result["collection_status"], result["upload_status"], result["rows"]) == ("failed", "skipped", 0)
    assert "returned an error: status error, message rate limit exceeded" in str(result["error"])
    assert rows_of(embedded_s3, bucket, "hub_lmp/hub_lmp_20240101.csv").equals(first)
    isone.faults.clear()
    (again,) = pipeline.run_backfill(*days)["results"]
    assert counts_of(again) == {"planned": 2, "already_stored": 1, "stored": 1}
    kept = [key.split("/")[1] for key in keys_in(embedded_s3, bucket)]
    assert kept == ["_rejected", "_rejected", "hub_lmp_20240101.csv", "hub_lmp_20240102.csv"]


def test_days_before_an_archive_begins_do_not_end_the_backfill(
    pipeline_on: PipelineOn, write_config: WriteConfig, isone: IsoneSandbox
) -> None:
    pipeline = pipeline_on(write_config(lmp(isone, max_attempts=1)))
    isone.faults.add("*/day/202401*", faults.status(500), times=None)
    (result,) = pipeline.run_backfill(date(2024, 1, 1), date(2024, 2, 9))["results"]
    assert counts_of(result) == {"planned": 40, "stored": 9, "failed": 31}


def test_the_command_collects_days_and_refuses_what_makes_no_sense(
    run_command: RunCommand,
    start_command: StartCommand,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
    on_prefect_server: None,
) -> None:
    config = write_config(lmp(isone), isone.api("Fuel Mix", "genfuelmix/current"))
    options = ("run", "--config", config, "--bucket", bucket)
    done = run_command(*options, "--start", "2024-01-01", "--end", "20240103", "--json")
    assert done.returncode == 0, done.stderr
    assert counts_of(json.loads(done.stdout)["results"][0]) == {"planned": 3, "stored": 3}
    assert "collected 3 of 3: 72 rows" in done.stderr
    assert len(keys_in(embedded_s3, bucket)) == 3
    told = run_command(*options, "--start", "2024-01-01", "--end", "2024-01-03")
    assert told.returncode == 0, told.stderr
    assert "3 of 3 already stored" in told.stdout
    tomorrow = (datetime.now(ZoneInfo("America/New_York")) + timedelta(days=1)).date().isoformat()
    wrong = [
        (("--start", "2024-01-03", "--end", "2024-01-01"), "end (2024-01-01) before they start (2024-01-03)"),
        (("--start", tomorrow, "--end", tomorrow), "cannot be asked for the future"),
        (("--start", "2024-01-01"), "--start and --end must be given together"),
        (("--force",), "--force needs --start and --end"),
        (("--start", "2024-13-01", "--end", "2024-01-01"), "2024-13-01"),
        (("--api", "Fuel Mix", "--start", "2024-01-01", "--end", "2024-01-01"), 'has no "dates"'),
    ]
    refused = [(start_command(*options, *days), reason) for days, reason in wrong]
    for command, reason in refused:
        assert command.wait(100) == 2, command.errors
        assert reason in " ".join(command.errors.replace("│", " ").split())
    assert len(isone.faults.requests) == 3


@pytest.mark.parametrize("collected_after", [True, False])
def test_what_waited_in_the_spool_does_not_take_the_place_of_what_came_later(
    embedded_s3: EmbeddedS3, bucket: str, collected_after: bool
) -> None:
    from flows.object_store import ObjectStore, StorableObject, object_metadata
    from flows.object_store.buckets import bucket_by_name

    store = ObjectStore(
        bucket_by_name(
            bucket,
            {
                "AWS_ENDPOINT_URL_S3": embedded_s3.endpoint_url,
                "AWS_ACCESS_KEY_ID": embedded_s3.access_key,
                "AWS_SECRET_ACCESS_KEY": embedded_s3.secret_key,
                "AWS_REGION": embedded_s3.region,
            },
        )
    )
    zone = ZoneInfo("UTC")

    def day(text: str, hour: int) -> StorableObject:
        body = text.encode()
        metadata = object_metadata(
            api_name="a",
            source_url="https://example.com",
            collected_at=datetime(2024, 1, 5, hour, tzinfo=zone),
            rows=1,
            columns=1,
            body=body,
            run_id="r",
            pipeline_version="0",
            window=(datetime(2024, 1, 1, tzinfo=zone), datetime(2024, 1, 2, tzinfo=zone)),
        )
        return StorableObject("f/p_20240101.csv", body, "text/csv", metadata)

    assert not store.store(day("first", 12)).already_there
    second = store.store(day("second", 13 if collected_after else 11))
    assert second.already_there is not collected_after
    kept = embedded_s3.client().get_object(Bucket=bucket, Key="f/p_20240101.csv")
    body = kept["Body"].read()
    assert body == (b"second" if collected_after else b"first")
    assert hashlib.sha256(body).hexdigest() == kept["Metadata"]["sha256"]
