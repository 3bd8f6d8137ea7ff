"""Ranges of dates as windows: every unit once, none too long or in the future; their outcomes add up."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.api_config import ApiConfig, ConfigError, Dates
from flows.request_plan import (
    StoredSpan,
    askable_apis,
    batches_of,
    current_window,
    missing_windows,
    plan_window,
    refused_dates,
    units_asked_for,
    window_stamp,
)
from flows.run_report import ApiOutcome, run_results, verdict
from flows.run_report.backfill_results import WindowOutcome, api_outcome, window_counts
from flows.run_report.date_counts import windows_text

NOW = datetime(2024, 12, 31, 12, tzinfo=UTC)
ZONES = (
    "America/New_York",
    "UTC",
    "Europe/Brussels",
    # offsets of no whole hour, with and without DST
    "America/St_Johns",
    "Asia/Kolkata",
    # the clocks change at 02:45
    "Pacific/Chatham",
    # a day without midnight
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Beirut",
)
UNITS = ("hour", "day", "month", "year")
HISTORY = "https://example.com/{start:%Y-%m-%dT%H:%M%z}/{end:%Y-%m-%dT%H:%M%z}"


def api(**options: Any) -> ApiConfig:
    dates = {"unit": options.pop("unit", "day"), "timezone": options.pop("timezone", "America/New_York")}
    dates["max_window"] = options.pop("max_window", 1)
    entry = {"name": "a", "url": "https://example.com/current", "output_folder": "a", "csv_prefix": "a"}
    return ApiConfig.model_validate({**entry, "history_url": HISTORY, "dates": dates, **options})


@given(
    unit=st.sampled_from(UNITS),
    timezone=st.sampled_from(ZONES),
    first=st.dates(date(2023, 10, 1), date(2024, 11, 30)),
    days=st.integers(0, 60),
    max_window=st.integers(1, 40),
    stored=st.sets(st.integers(0, 70)),
)
def test_windows_hold_every_unit_that_is_missing_once_and_in_order(
    unit: str, timezone: str, first: date, days: int, max_window: int, stored: set[int]
) -> None:
    described = api(unit=unit, timezone=timezone, max_window=max_window)
    units = units_asked_for(described, first, first + timedelta(days=days), NOW)
    midnight = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(timezone))
    # as moments: a day without midnight begins at 01:00 by its clock
    assert units[0].start.astimezone(UTC) <= midnight.astimezone(UTC)
    assert all(one.is_followed_by(other) for one, other in itertools.pairwise(units))
    alone = [current_window(Dates(unit=unit, timezone=timezone), each.start) for each in units]  # type: ignore[arg-type]
    assert [repr(each) for each in units] == [repr(each) for each in alone]
    assert len({window_stamp(each, unit) for each in units}) == len(units)  # type: ignore[arg-type]
    held = {window_stamp(each, unit) for number, each in enumerate(units) if number in stored}  # type: ignore[arg-type]
    spans = [
        StoredSpan(each.start.astimezone(UTC), each.end.astimezone(UTC), each.end.astimezone(UTC))
        for number, each in enumerate(units)
        if number in stored
    ]
    windows, already_stored = missing_windows(described, units, spans, (units[0].start, units[-1].end))
    assert already_stored == len(held)
    assert sum(window.units for window in windows) == len(units) - len(held)
    assert all(window.units <= max_window for window in windows)
    ends = [(window.start.astimezone(UTC), window.end.astimezone(UTC)) for window in windows]
    assert all(start < end for start, end in ends)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ends))
    missing = {each.start.astimezone(UTC) for each in units} - {
        each.start.astimezone(UTC) for number, each in enumerate(units) if number in stored
    }
    assert all(any(start <= moment < end for start, end in ends) for moment in missing)
    batches = batches_of(described, windows)
    assert [window for batch in batches for window in batch.windows] == list(windows)
    assert len(batches) <= 24


@pytest.mark.parametrize(
    ("unit", "day", "count"),
    [
        ("hour", date(2024, 3, 10), 23),
        ("hour", date(2024, 7, 1), 24),
        ("hour", date(2024, 11, 3), 25),
        ("day", date(2024, 11, 3), 1),
    ],
)
def test_a_day_has_as_many_hours_as_its_zone_gives_it(unit: str, day: date, count: int) -> None:
    units = units_asked_for(api(unit=unit), day, day, NOW)
    assert len(units) == count
    hours = sum(((each.end.astimezone(UTC) - each.start.astimezone(UTC)) for each in units), timedelta())
    assert hours == timedelta(hours=24 if count == 24 else 25 if day.month == 11 else 23)


def test_windows_that_begin_in_the_future_are_not_requested() -> None:
    units = units_asked_for(api(unit="hour"), date(2024, 12, 31), date(2024, 12, 31), NOW)
    # 12:00 UTC is 07:00 in New York
    assert [window_stamp(each, "hour")[-2:] for each in units] == [f"{hour:02}" for hour in range(8)]


def test_a_month_is_requested_whole_where_the_days_overlap_it() -> None:
    units = units_asked_for(api(unit="month"), date(2024, 1, 31), date(2024, 3, 1), NOW)
    assert [window_stamp(each, "month") for each in units] == ["202401", "202402", "202403"]
    (request,) = plan_window(api(unit="month"), units[1], NOW).requests
    assert request.url.endswith("/2024-02-01T00:00-0500/2024-03-01T00:00-0500")
    assert not request.may_be_unpublished
    assert plan_window(api(unit="month"), units[2], units[2].end).requests[0].may_be_unpublished


@pytest.mark.parametrize(
    ("options", "first", "last", "reason"),
    [
        ({"dates": None, "history_url": None}, "2024-01-01", "2024-01-01", 'has no "dates"'),
        ({"history_url": None}, "2024-01-01", "2024-01-01", "returns current data only"),
        ({}, "2024-01-02", "2024-01-01", "end (2024-01-01) before they start (2024-01-02)"),
        ({}, "2024-12-31", "2025-01-01", "2025-01-01 is after 2024-12-31, today in America/New_York"),
        ({"unit": "hour"}, "1990-01-01", "2024-01-01", "hours: one backfill takes 200,000"),
        ({}, "2024-12-31", "2024-12-31", None),
        ({"history_url": None, "params": {"day": "{last_utc:%d}"}}, "2024-12-31", "2024-12-31", None),
    ],
)
def test_days_that_cannot_be_requested_are_refused(
    options: dict[str, Any], first: str, last: str, reason: str | None
) -> None:
    refusal = refused_dates(api(**options), date.fromisoformat(first), date.fromisoformat(last), NOW)
    assert (refusal is None) if reason is None else (reason in str(refusal))


def test_of_all_apis_those_without_dates_are_left_out_and_those_named_are_refused() -> None:
    current = api(name="current", dates=None, history_url=None)
    day = date(2024, 1, 1)
    askable, left_out = askable_apis([api(), current], day, day, NOW, is_by_name=False)
    assert [each.name for each in askable] == ["a"]
    assert len(left_out) == 1
    assert left_out[0].startswith("current is left out: it has no")
    for apis, is_by_name in (([api(), current], True), ([current], False)):
        with pytest.raises(ConfigError, match=r'current.*has no "dates"'):
            askable_apis(apis, day, day, NOW, is_by_name=is_by_name)


outcomes = st.builds(
    ApiOutcome,
    api_name=st.just("a"),
    output_folder=st.just("a"),
    collection_status=st.sampled_from(["success", "failed"]),
    upload_status=st.sampled_from(["success", "failed", "skipped"]),
    s3_key=st.sampled_from(["a/a_20240101.csv", None]),
    rows=st.integers(0, 10),
    error=st.sampled_from([None, "HTTP 500"]),
)
windows = st.builds(
    WindowOutcome,
    stamp=st.just("20240101"),
    units=st.integers(1, 9),
    outcome=outcomes,
    is_tried=st.booleans(),
)


@given(st.lists(windows, max_size=20), st.integers(0, 50))
def test_any_outcomes_of_windows_add_up(made: list[WindowOutcome], already_stored: int) -> None:
    counts = window_counts(made, already_stored)
    parts = ("already_stored", "stored", "empty", "without_rows", "failed", "not_tried")
    assert sum(counts[part] for part in parts) == counts["planned"]  # type: ignore[literal-required]
    assert counts["planned"] == already_stored + sum(window.units for window in made)
    outcome = api_outcome(api(), made, already_stored, 1.0)
    assert outcome.rows == sum(window.outcome.rows for window in made)
    assert bool(outcome.error) == any(window.outcome.error for window in made)
    results = run_results([outcome], run_id="r", started_at=NOW, duration_seconds=1.0)
    statistics = results["statistics"]
    assert statistics["successful_collections"] + statistics["failed_collections"] == 1
    uploads = [statistics[f"{word}_uploads"] for word in ("successful", "failed", "skipped")]  # type: ignore[literal-required]
    assert sum(uploads) == statistics["successful_collections"]
    went_through = counts["stored"] + counts["empty"] > 0
    assert (verdict([outcome]) == "failed") == (not went_through and not outcome.is_end_to_end)
    assert windows_text(counts)
