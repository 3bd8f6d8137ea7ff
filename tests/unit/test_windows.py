"""Windows follow the calendar of a time zone, without gaps or overlaps, also when DST starts or ends."""

from __future__ import annotations

import itertools
from datetime import UTC, date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.api_config import Dates
from flows.request_plan import Window, current_window, window_stamp, windows_of_days
from tests.unit.test_backfill_plan import UNITS, ZONES


def moments(window: Window) -> list[str]:
    """A window as text with offsets: `==` ignores `fold`, so it equates the hours that occur twice."""
    return [moment.isoformat() for moment in (window.start, window.end, window.last)]


@given(
    unit=st.sampled_from(UNITS),
    timezone=st.sampled_from(ZONES),
    first=st.dates(date(2023, 10, 1), date(2024, 11, 30)),
    days=st.integers(0, 60),
)
@example("hour", "America/New_York", date(2024, 11, 2), 2)
@example("hour", "America/Santiago", date(2024, 9, 8), 1)
@example("day", "America/Santiago", date(2024, 9, 7), 2)
@example("hour", "America/Santiago", date(2024, 4, 6), 1)
@example("hour", "Africa/Cairo", date(2024, 4, 26), 1)
@example("hour", "Asia/Beirut", date(2024, 3, 31), 1)
@example("day", "Australia/Lord_Howe", date(2024, 10, 5), 3)
@example("day", "Australia/Lord_Howe", date(2024, 4, 6), 3)
@example("hour", "America/St_Johns", date(2024, 3, 9), 2)
@example("hour", "America/St_Johns", date(2024, 11, 2), 2)
@example("hour", "Pacific/Chatham", date(2024, 9, 28), 2)
@example("hour", "Pacific/Chatham", date(2024, 4, 6), 2)
def test_a_unit_is_the_same_whatever_range_it_was_found_in(
    unit: Any, timezone: str, first: date, days: int
) -> None:
    dates = Dates(unit=unit, timezone=timezone)
    last = first + timedelta(days=days)
    units = list(windows_of_days(dates, first, last))
    assert [moments(each) for each in units] == [moments(current_window(dates, each.start)) for each in units]
    assert all(one.is_followed_by(other) for one, other in itertools.pairwise(units))
    assert all(each.start.astimezone(UTC) < each.end.astimezone(UTC) for each in units)
    assert len({window_stamp(each, unit) for each in units}) == len(units)
    # as the zone's clock shows them: a time that it leaps over is none to ask for
    shown = [each.start.astimezone(UTC).astimezone(ZoneInfo(timezone)) for each in units]
    assert [each.start.isoformat() for each in units] == [moment.isoformat() for moment in shown]
    middles = [each.start.astimezone(UTC) + timedelta(minutes=14) for each in units]
    assert [moments(current_window(dates, middle)) for middle in middles] == [moments(each) for each in units]
    days_after = [moments(each) for each in windows_of_days(dates, last, last)]
    assert [moments(each) for each in units][-len(days_after) :] == days_after


@pytest.mark.parametrize(
    ("timezone", "day"),
    [
        ("America/Santiago", date(2024, 9, 8)),
        ("Africa/Cairo", date(2024, 4, 26)),
        ("Asia/Beirut", date(2024, 3, 31)),
    ],
)
def test_a_day_without_midnight_begins_at_one(timezone: str, day: date) -> None:
    hours = list(windows_of_days(Dates(unit="hour", timezone=timezone), day, day))
    assert [f"{each.start:%H:%M}" for each in hours] == [f"{hour:02}:00" for hour in range(1, 24)]
    (whole,) = windows_of_days(Dates(unit="day", timezone=timezone), day, day)
    assert whole.start.isoformat() == hours[0].start.isoformat()
    assert whole.end.isoformat() == hours[-1].end.isoformat()
    assert window_stamp(whole, "day") == f"{day:%Y%m%d}"


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("Asia/Kolkata", date(2024, 7, 1), 24),
        ("Asia/Kathmandu", date(2024, 7, 1), 24),
        ("America/St_Johns", date(2024, 3, 10), 23),
        ("America/St_Johns", date(2024, 11, 3), 25),
    ],
)
def test_hours_start_on_the_hour_where_the_offset_is_no_whole_hour(
    timezone: str, day: date, hours: int
) -> None:
    found = list(windows_of_days(Dates(unit="hour", timezone=timezone), day, day))
    assert len(found) == hours
    assert {f"{each.start:%M}" for each in found} == {"00"}
    lengths = {each.end.astimezone(UTC) - each.start.astimezone(UTC) for each in found}
    assert lengths == {timedelta(hours=1)}


def test_hours_are_refused_where_the_clock_does_not_change_by_a_whole_hour() -> None:
    assert Dates(unit="day", timezone="Australia/Lord_Howe")
    with pytest.raises(ValueError, match='"hour" is not supported in Australia/Lord_Howe'):
        Dates(unit="hour", timezone="Australia/Lord_Howe")
