"""The rows of a table and the window that was asked for: each style of service, and rows of other dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flows.api_config import ApiConfig
from flows.collection.window_comparison import WindowComparison, compare_with_window
from flows.data_checks import row_times
from flows.request_plan import PlannedCollection, Window, plan_collections, plan_window, units_asked_for

NEW_YORK, BRUSSELS = ZoneInfo("America/New_York"), ZoneInfo("Europe/Brussels")
DAY = date(2024, 1, 5)
NOW = datetime(2024, 12, 31, tzinfo=UTC)


def api(unit: str = "day", zone: str = "America/New_York", **options: Any) -> ApiConfig:
    entry = {
        "name": "a",
        "url": "https://example.com/?from={start}&to={end}",
        "output_folder": "a",
        "csv_prefix": "a",
        "dates": {"unit": unit, "timezone": zone, "max_window": 31},
        "key_columns": ["zone", "t"],
    }
    return ApiConfig.model_validate({**entry, **options})


def asked(described: ApiConfig, first: date = DAY, last: date | None = None) -> PlannedCollection:
    """The collection of the windows from the first to the last day as one."""
    window: Window | None = None
    for unit in units_asked_for(described, first, last or first, NOW):
        window = window.joined_with(unit) if window else unit
    assert window is not None
    return plan_window(described, window, NOW)


def compared(collection: PlannedCollection, times: list[str]) -> WindowComparison:
    frame = pl.DataFrame({"zone": ["A"] * len(times), "t": times, "mw": [1.5] * len(times)})
    return compare_with_window(collection, frame)


def steps(start: datetime, end: datetime, step: timedelta = timedelta(hours=1)) -> list[datetime]:
    """The moments from an aware time up to another, shown in its zone."""
    first, count = start.astimezone(UTC), (end.astimezone(UTC) - start.astimezone(UTC)) // step
    return [(first + number * step).astimezone(start.tzinfo) for number in range(count)]


def day_of(zone: ZoneInfo, day: date = DAY, days: int = 1, **step: float) -> list[datetime]:
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    return steps(start, start + timedelta(days=days), timedelta(**step) if step else timedelta(hours=1))


def iso(moments: list[datetime]) -> list[str]:
    return [moment.isoformat() for moment in moments]


HOUR = timedelta(hours=1)
LOCAL = [moment.replace(tzinfo=None) for moment in day_of(NEW_YORK)]
RIGHT = {
    "hours with an offset": iso(day_of(NEW_YORK)),
    "the same in UTC": [f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in day_of(NEW_YORK)],
    "with the first of the next window": iso([*day_of(NEW_YORK), day_of(NEW_YORK)[-1] + HOUR]),
    "named after the end of the hour": iso([moment + HOUR for moment in day_of(NEW_YORK)]),
    "24:00": [f"2024-01-05 {hour:02}:00" for hour in range(1, 25)],
    "local": iso(LOCAL),
    "the date as midnight in UTC": ["2024-01-05T00:00:00Z", "2024-01-05T00:00:00.000+00:00"],
    "UTC without an offset": [f"{moment.astimezone(UTC):%Y-%m-%dT%H}" for moment in day_of(NEW_YORK)],
    "American": [f"{moment:%m/%d/%Y %H:%M}" for moment in LOCAL],
    "AM and PM": [f"{moment.month}/{moment.day}/{moment:%Y %I:%M:%S %p}" for moment in LOCAL],
    "day first": [f"{moment:%d/%m/%Y %H:%M}" for moment in LOCAL],
    "dots": [f"{moment:%d.%m.%Y %H:%M}" for moment in LOCAL],
    "digits": [f"{moment:%Y%m%d%H%M}" for moment in LOCAL],
    "a date": ["2024-01-05"] * 24,
    "an American date": ["01/05/2024"] * 24,
    "a month": ["2024-01"],
    "five minutes": iso(day_of(NEW_YORK, minutes=5)),
    "irregular": ["2024-01-05T00:02:51-05:00", "2024-01-05T00:07:13.344-05:00", "2024-01-05T23:58:02-05:00"],
    "one row at the end": ["2024-01-06T00:00:00-05:00"],
}


@pytest.mark.parametrize("times", RIGHT.values(), ids=RIGHT)
def test_every_style_of_writing_the_times_of_a_day_is_right(times: list[str]) -> None:
    found = compared(asked(api()), times)
    assert (found.refusal, found.outside, found.unchecked, found.time_column) == (None, None, None, "t")


@pytest.mark.parametrize("day", [date(2024, 3, 10), date(2024, 11, 3)])
@pytest.mark.parametrize("style", ["offset", "local", "each hour of the clock", "end"])
def test_days_of_23_and_25_hours_are_right_in_every_style(day: date, style: str) -> None:
    moments = day_of(NEW_YORK, day)
    assert len(moments) in {23, 25}
    midnight = moments[0].replace(tzinfo=None)
    times = {
        "offset": iso(moments),
        "local": iso([moment.replace(tzinfo=None) for moment in moments]),
        # with 02:00 in spring, which does not exist
        "each hour of the clock": iso([midnight + timedelta(hours=hour) for hour in range(24)]),
        "end": iso([(moment.astimezone(UTC) + HOUR).astimezone(NEW_YORK) for moment in moments]),
    }[style]
    found = compared(asked(api(), day), times)
    assert (found.refusal, found.outside) == (None, None)


WRONG = {
    "the latest day": iso(day_of(NEW_YORK, date(2026, 11, 20))),
    "the next day": iso(day_of(NEW_YORK, date(2024, 1, 6))),
    "the next day without an offset": [text[:16] for text in iso(day_of(NEW_YORK, date(2024, 1, 6)))],
    "the day before": [f"{moment:%m/%d/%Y %H:%M}" for moment in day_of(NEW_YORK, date(2024, 1, 4))][:23],
    "the date of the next day": ["2024-01-06"] * 24,
    "another month": ["2024-02"],
    "one row elsewhere": ["2023-01-05T00:00:00-05:00"],
}


@pytest.mark.parametrize("times", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("checks", ["off", "warn", "fail"])
def test_rows_that_all_lie_elsewhere_are_refused_with_their_times(times: list[str], checks: str) -> None:
    found = compared(asked(api(checks=checks)), times)
    assert found.refusal is not None
    assert "no row lies in the window 2024-01-05T00:00-05:00 to 2024-01-06T00:00-05:00" in found.refusal
    assert min(times) in found.refusal
    assert max(times) in found.refusal


def test_rows_that_lie_outside_in_part_are_counted_and_named() -> None:
    found = compared(asked(api()), iso(day_of(NEW_YORK, date(2024, 1, 4), days=2)))
    assert found.refusal is None
    assert found.outside == (
        "24 of 48 rows lie outside the window 2024-01-05T00:00-05:00 to 2024-01-06T00:00-05:00: "
        "t is 2024-01-04T00:00:00-05:00 to 2024-01-04T23:00:00-05:00"
    )


@pytest.mark.parametrize(
    ("unit", "times", "is_right"),
    [
        ("hour", ["2024-01-05T00:05", "2024-01-05T01:00"], True),
        ("hour", ["2024-01-05"], True),
        ("hour", ["2024-01-05T02:00"], False),
        ("month", [f"2024-01-{day:02}" for day in range(1, 32)], True),
        ("month", [*(f"2024-01-{day:02}" for day in range(1, 32)), "2024-02-01"], True),
        ("month", ["2024-01"], True),
        ("month", ["2024-02-03"], False),
        ("year", [f"2024-{month:02}" for month in range(1, 13)], True),
        ("year", ["2025-01"], False),
    ],
)
def test_windows_of_every_unit_hold_dates_and_times(unit: str, times: list[str], is_right: bool) -> None:
    described = api(unit=unit)
    window = units_asked_for(described, DAY, DAY, datetime(2026, 1, 1, tzinfo=UTC))[0]
    found = compared(plan_window(described, window, NOW), times)
    assert (found.refusal is None) is is_right
    assert found.outside is None


@pytest.mark.parametrize(
    "times",
    [
        ["1704412800", "1704416400"],
        ["1704412800000", "1704121500000"],
        [1704412800, 1704416400],
        ["Jan 5th", "Jan 6th"],
        ["2024-01-05T00:00", "Total"],
        ["05:00", "06:00"],
        ["2024", "2025"],
        [None, None],
    ],
)
def test_rows_without_times_are_not_refused_and_the_reason_says_what_to_do(times: list[Any]) -> None:
    found = compared(asked(api()), times)
    assert (found.refusal, found.outside, found.time_column) == (None, None, None)
    assert "no column of key_columns holds times; name" in str(found.unchecked)
    named = compared(asked(api(time_column="t")), times)
    assert "t holds values that are no times" in str(named.unchecked)
    assert "u is no column" in str(compared(asked(api(time_column="u")), times).unchecked)


def test_the_time_column_may_be_named_or_turned_off() -> None:
    frame = pl.DataFrame({"issued": ["2024-01-05T09:30"], "t": ["2024-01-09"], "zone": ["A"]})
    assert compare_with_window(asked(api()), frame).refusal
    assert compare_with_window(asked(api(time_column="issued")), frame).refusal is None
    off = compare_with_window(asked(api(time_column=False)), frame)
    assert (off.refusal, off.unchecked) == (None, None)


@pytest.mark.parametrize("wrong", [True, "", "a\nb", 1, ["t"]])
def test_a_time_column_is_a_name_or_false(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        api(time_column=wrong)


def test_a_run_is_compared_with_the_window_that_its_url_names() -> None:
    tomorrow, today = iso(day_of(NEW_YORK, date(2024, 1, 6))), iso(day_of(NEW_YORK))
    now = datetime(2024, 1, 5, 15, tzinfo=UTC)

    def run(url: str, times: list[str]) -> WindowComparison:
        described = api(url=url, history_url="https://example.com/{start}/{end}")
        (collection,) = plan_collections([described], "20240105_150000", now)
        assert collection.window is None
        return compared(collection, times)

    assert run("https://example.com/?day={start}", tomorrow).refusal
    assert run("https://example.com/?day={start}", today).refusal is None
    # day-ahead data, asked for by the day that begins at the end of today
    assert run("https://example.com/?day={end}", tomorrow) == WindowComparison(time_column="t")
    assert run("https://example.com/?until={end}", today) == WindowComparison(time_column="t")
    assert run("https://example.com/current", tomorrow) == WindowComparison()


def lacking(collection: PlannedCollection, times: list[str]) -> list[str]:
    """The units without rows, by the day of the month."""
    found = compared(collection, times)
    days: list[str] = []
    for first, last in found.without_rows:
        days += [f"{day:02}" for day in range(int(first[-2:]), int(last[-2:]) + 1)]
    assert len(days) == found.units_without_rows
    return days


@given(st.sets(st.integers(1, 9), min_size=1), st.sampled_from(["begin", "end", "both", "date", "daily"]))
def test_the_days_of_a_longer_window_without_a_row_are_found_in_every_style(
    days: set[int], style: str
) -> None:
    collection = asked(api(), date(2024, 1, 1), date(2024, 1, 9))
    moments = [moment for day in sorted(days) for moment in day_of(NEW_YORK, date(2024, 1, day))]
    times = {
        "begin": moments,
        "end": [moment + HOUR for moment in moments],
        "both": sorted({*moments, *(moment + HOUR for moment in moments)}),
        "date": moments,
        "daily": moments[::24],
    }[style]
    texts = [f"{moment:%Y-%m-%d}" for moment in moments] if style == "date" else iso(times)
    assert lacking(collection, texts) == [f"{day:02}" for day in range(1, 10) if day not in days]
    found = compared(collection, texts)
    assert found.refusal is None
    assert found.held is not None
    assert [found.held.start.day, found.held.last.day] == [min(days), max(days)]
    assert found.held.units == max(days) - min(days) + 1


def test_a_local_time_that_occurs_twice_or_never_has_a_place_in_the_calendar() -> None:
    frame = pl.DataFrame({"t": ["2024-10-27T02:30", "2024-03-31T02:30"]})
    times = row_times(frame, ["t"], BRUSSELS)
    assert times is not None
    assert sorted(f"{start:%m-%dT%H:%M}" for start, _ in times.spans["2024-10-27T02:30"]) == [
        "10-27T00:30",
        "10-27T01:30",
    ]
    assert {f"{start:%m-%d}" for start, _ in times.spans["2024-03-31T02:30"]} == {"03-31"}


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_none(text: str) -> None:
    frame = pl.DataFrame({"t": [text]})
    for window in (None, (day_of(NEW_YORK)[0], day_of(NEW_YORK)[-1])):
        found = row_times(frame, ["t"], NEW_YORK, window)
        assert found is None or all(found.spans.values())
