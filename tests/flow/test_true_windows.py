"""Backfills of a service that answers with other dates, too few of them, or none that can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flows.integration import EnergyDataPipelineIntegration
from flows.run_report import ApiResult
from flows.sandbox.loopback_server import LoopbackServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.providers.faults import FaultScript
from tests.providers.service import hours_between, provider_service

PipelineOn = Callable[[Path], EnergyDataPipelineIntegration]
WriteConfig = Callable[..., Path]
HoursOf = Callable[[datetime, datetime], list[datetime]]

FIRST, LAST = date(2024, 1, 1), date(2024, 1, 31)


@contextmanager
def service(hours_of: HoursOf, *, as_epoch: bool = False) -> Iterator[tuple[dict[str, Any], FaultScript]]:
    """The entry of an API that returns a row for each of these hours, and the requests it receives."""

    def answer(request: Request, _body: bytes) -> Response:
        asked = [
            datetime.fromisoformat(request.query_params[name]).replace(tzinfo=UTC) for name in ("from", "to")
        ]
        rows = [
            {"t": int(hour.timestamp()) if as_epoch else f"{hour:%Y-%m-%dT%H:%MZ}", "mw": number}
            for number, hour in enumerate(hours_of(*asked))
        ]
        return JSONResponse({"rows": rows})

    script = FaultScript()
    with LoopbackServer(provider_service(answer, script)) as server:
        yield (
            {
                "name": "Load",
                "url": f"{server.base_url}/load",
                "params": {"from": "{start:%Y-%m-%d}", "to": "{end:%Y-%m-%d}"},
                "output_folder": "load",
                "csv_prefix": "load",
                "dates": {"unit": "day", "timezone": "UTC"},
                "key_columns": ["t"],
            },
            script,
        )


def keys_in(s3: EmbeddedS3, bucket: str) -> list[str]:
    listed = s3.client().list_objects_v2(Bucket=bucket).get("Contents", [])
    return sorted(entry["Key"].removeprefix("load/load_").removesuffix(".csv") for entry in listed)


def counts_of(result: ApiResult) -> dict[str, int]:
    return {name: value for name, value in result["windows"].items() if isinstance(value, int) and value}


def latest_day(_start: datetime, _end: datetime) -> list[datetime]:
    day = datetime(2026, 11, 20, tzinfo=UTC)
    return hours_between(day, day + timedelta(days=1))


def last_eight_days(start: datetime, end: datetime) -> list[datetime]:
    return hours_between(max(start, end - timedelta(days=8)), end)


def test_a_service_that_ignores_the_dates_stores_nothing_under_them(
    pipeline_on: PipelineOn, write_config: WriteConfig, embedded_s3: EmbeddedS3, bucket: str
) -> None:
    with service(latest_day) as (entry, script):
        pipeline = pipeline_on(write_config({**entry, "checks": "off"}))
        for _ in range(2):
            (result,) = pipeline.run_backfill(date(2024, 1, 5), date(2024, 1, 7))["results"]
            assert counts_of(result) == {"planned": 3, "failed": 3}
            assert (result["collection_status"], result["upload_status"]) == ("failed", "skipped")
            assert "20240105: no row lies in the window 2024-01-05" in str(result["error"])
            assert "t is 2026-11-20T00:00Z to 2026-11-20T23:00Z" in str(result["error"])
        assert len(script.requests) == 6, "the windows are asked for again"
        # so does a run whose request names a date
        (result,) = pipeline.run_full_pipeline()["results"]
        assert result["collection_status"] == "failed"
    rejected = keys_in(embedded_s3, bucket)
    assert rejected
    assert not [key for key in rejected if "/_rejected/" not in key]


def test_a_service_that_cuts_a_long_window_is_asked_again_for_what_is_missing_until_all_is_there(
    pipeline_on: PipelineOn, write_config: WriteConfig, embedded_s3: EmbeddedS3, bucket: str
) -> None:
    with service(last_eight_days) as (entry, script):
        dates = {**entry["dates"], "max_window": 31}
        pipeline = pipeline_on(write_config({**entry, "dates": dates}))
        (result,) = pipeline.run_backfill(FIRST, LAST)["results"]
        assert counts_of(result) == {"planned": 31, "stored": 8, "without_rows": 23}
        assert result["windows"]["dates_without_rows"] == ["20240101..20240123"]
        assert "552 hours have no row in t: 2024-01-01T00:00" in result["findings"][0]
        for _ in range(3):
            (result,) = pipeline.run_backfill(FIRST, LAST)["results"]
        assert counts_of(result) == {"planned": 31, "already_stored": 24, "stored": 7}
        (result,) = pipeline.run_backfill(FIRST, LAST)["results"]
        assert counts_of(result) == {"planned": 31, "already_stored": 31}
        asked = [seen.query for seen in script.requests]
    ends = ("2024-02-01", "2024-01-24", "2024-01-16", "2024-01-08")
    assert asked == [f"from=2024-01-01&to={end}" for end in ends]
    assert keys_in(embedded_s3, bucket) == ["20240101", "20240108", "20240116", "20240124"]


def test_days_without_rows_amid_a_window_are_asked_for_again_and_stored_beside_it(
    pipeline_on: PipelineOn, write_config: WriteConfig, embedded_s3: EmbeddedS3, bucket: str
) -> None:
    lacking = {4, 5, 20}

    def hours_of(start: datetime, end: datetime) -> list[datetime]:
        return [hour for hour in hours_between(start, end) if hour.day not in lacking]

    with service(hours_of) as (entry, script):
        dates = {**entry["dates"], "max_window": 31}
        pipeline = pipeline_on(write_config({**entry, "dates": dates}))
        (result,) = pipeline.run_backfill(FIRST, LAST)["results"]
        assert counts_of(result) == {"planned": 31, "stored": 28, "without_rows": 3}
        assert result["windows"]["dates_without_rows"] == ["20240104..20240105", "20240120"]
        metadata = embedded_s3.client().head_object(Bucket=bucket, Key="load/load_20240101.csv")["Metadata"]
        assert metadata["without-rows"] == "20240104..20240105 20240120..20240120"
        lacking.remove(20)
        (result,) = pipeline.run_backfill(FIRST, LAST)["results"]
        assert counts_of(result) == {"planned": 31, "already_stored": 28, "stored": 1, "empty": 2}
        assert {seen.query for seen in script.requests[1:]} == {
            "from=2024-01-04&to=2024-01-06",
            "from=2024-01-20&to=2024-01-21",
        }
        lacking.clear()
        pipeline.run_backfill(FIRST, LAST)
        (result,) = pipeline.run_backfill(FIRST, LAST)["results"]
        assert counts_of(result) == {"planned": 31, "already_stored": 31}
    assert keys_in(embedded_s3, bucket) == ["20240101", "20240104", "20240120"]


def test_rows_without_times_are_stored_and_said_once_and_so_are_windows_of_the_same_rows(
    pipeline_on: PipelineOn, write_config: WriteConfig, embedded_s3: EmbeddedS3, bucket: str
) -> None:
    with service(latest_day, as_epoch=True) as (entry, _):
        pipeline = pipeline_on(write_config({**entry, "max_concurrency": 1}))
        (result,) = pipeline.run_backfill(date(2024, 1, 5), date(2024, 1, 7))["results"]
    assert counts_of(result) == {"planned": 3, "stored": 3}
    unchecked = [each for each in result["findings"] if "cannot be compared with the dates" in each]
    assert len(unchecked) == 1
    assert "no column of key_columns holds times" in unchecked[0]
    same = [each for each in result["findings"] if ": the same rows as 2024010" in each]
    assert len(same) == 2
    assert keys_in(embedded_s3, bucket) == ["20240105", "20240106", "20240107"]


def test_runs_are_compared_with_runs_and_windows_with_windows(
    pipeline_on: PipelineOn, write_config: WriteConfig
) -> None:
    today = datetime.now(UTC).date()
    yesterday = today - timedelta(days=1)

    def hours_of(start: datetime, end: datetime) -> list[datetime]:
        return hours_between(start, start + timedelta(hours=2) if start.date() == today else end)

    with service(hours_of) as (entry, _):
        pipeline = pipeline_on(write_config(entry))
        (window,) = pipeline.run_backfill(yesterday, yesterday)["results"]
        assert (window["rows"], window["findings"]) == (24, [])
        # a run of two rows after a window of 24, and a window after that run
        (run,) = pipeline.run_full_pipeline()["results"]
        assert (run["rows"], run["findings"]) == (2, [])
        before = yesterday - timedelta(days=1)
        (window,) = pipeline.run_backfill(before, before)["results"]
        assert (window["rows"], window["findings"]) == (24, [])
