"""Missing windows beside objects of several units: no stored unit is lost, and none is in two objects."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flows.api_config import ApiConfig
from flows.request_plan import StoredSpan, Window, missing_windows, units_asked_for

FIRST_DAY = date(2024, 1, 1)
NOW = datetime(2024, 12, 31, tzinfo=UTC)


def daily(max_window: int) -> ApiConfig:
    return ApiConfig.model_validate(
        {
            "name": "a",
            "url": "https://example.com/current",
            "history_url": "https://example.com/{start:%Y%m%d}/{end:%Y%m%d}",
            "output_folder": "a",
            "csv_prefix": "a",
            "dates": {"unit": "day", "timezone": "UTC", "max_window": max_window},
        }
    )


def day(number: int) -> datetime:
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number)


def days_of(window: Window | StoredSpan) -> range:
    return range((window.start - day(0)).days, (window.end - day(0)).days)


@st.composite
def stored_spans(draw: st.DrawFn) -> list[StoredSpan]:
    """Consecutive objects of one to seven days, collected before or after their end."""
    spans: list[StoredSpan] = []
    start = draw(st.integers(0, 5))
    while start < 40:
        length = draw(st.integers(1, 7))
        known_until = day(start + length) - timedelta(hours=draw(st.sampled_from([0, 1, 30])))
        spans.append(StoredSpan(day(start), day(start + length), known_until))
        start += length + draw(st.integers(0, 4))
    return spans


def test_days_without_a_row_are_collected_again_beside_the_object_that_spans_them() -> None:
    api = daily(7)
    units = units_asked_for(api, FIRST_DAY, FIRST_DAY + timedelta(days=20), NOW)
    gap = ("20240104", "20240105")
    month = StoredSpan(day(1), day(12), NOW, (gap, ("20240110", "20240110")))
    windows, already_stored = missing_windows(api, units, [month], (day(0), day(12)))
    assert [days_of(window) for window in windows] == [range(1), range(3, 5), range(9, 10)]
    assert already_stored == 8
    # what came of the gap is an object of its own
    filled = StoredSpan(day(3), day(5), NOW)
    windows, already_stored = missing_windows(api, units, [month, filled], (day(0), day(12)))
    assert [days_of(window) for window in windows] == [range(1), range(9, 10)]
    assert already_stored == 10
    # and stays where the object around it is collected again
    unsettled = StoredSpan(day(1), day(12), day(7), month.without_rows)
    windows, _ = missing_windows(api, units, [unsettled, filled], (day(0), day(12)))
    assert [days_of(window) for window in windows] == [range(1), range(1, 3), range(5, 12)]


@given(
    spans=stored_spans(),
    first=st.integers(0, 30),
    length=st.integers(1, 12),
    max_window=st.integers(1, 9),
    force=st.booleans(),
)
def test_objects_are_collected_anew_as_a_whole_and_no_unit_is_in_two(
    spans: list[StoredSpan], first: int, length: int, max_window: int, force: bool
) -> None:
    api = daily(max_window)
    units = units_asked_for(api, FIRST_DAY, FIRST_DAY + timedelta(days=60), NOW)
    windows, already_stored = missing_windows(
        api, units, spans, (day(first), day(first + length)), force=force
    )
    asked_for = set(range(first, first + length))
    collected = [number for window in windows for number in days_of(window)]
    assert len(collected) == len(set(collected))
    assert all(window.units == len(days_of(window)) <= max_window for window in windows)

    holders = {number: span for span in spans for number in days_of(span)}
    final = {number for number, span in holders.items() if span.known_until >= day(number + 1)}
    needed = asked_for if force else asked_for - final
    assert needed <= set(collected)
    # plus the other units of the objects that are replaced
    rest = {number for each in needed if each in holders for number in days_of(holders[each])}
    assert set(collected) <= needed | rest
    assert already_stored == len(asked_for - set(collected))

    begins = {days_of(window)[0] for window in windows}
    for span in spans:
        held = set(days_of(span))
        # an object is left alone, or a window of its name takes its place
        assert not held & set(collected) or (held <= set(collected) and days_of(span)[0] in begins)


def test_a_day_collected_anew_alone_does_not_shorten_the_week_it_is_in() -> None:
    api = daily(7)
    units = units_asked_for(api, FIRST_DAY, FIRST_DAY + timedelta(days=20), NOW)
    week = StoredSpan(day(0), day(7), NOW)
    windows, _ = missing_windows(api, units, [week], (day(3), day(4)), force=True)
    assert [days_of(window) for window in windows] == [range(7)]


def test_days_that_follow_an_unfinished_object_join_it() -> None:
    api = daily(7)
    units = units_asked_for(api, FIRST_DAY, FIRST_DAY + timedelta(days=20), NOW)
    unfinished = StoredSpan(day(0), day(3), day(2) + timedelta(hours=12))
    windows, already_stored = missing_windows(api, units, [unfinished], (day(1), day(5)))
    assert [days_of(window) for window in windows] == [range(5)]
    assert already_stored == 0


def test_what_may_still_change_is_collected_again_until_it_has_settled() -> None:
    api = daily(1)
    units = units_asked_for(api, FIRST_DAY, FIRST_DAY + timedelta(days=1), NOW)
    settled = StoredSpan(day(0), day(1), day(1))
    unsettled = StoredSpan(day(1), day(2), day(2) - timedelta(seconds=1))
    windows, already_stored = missing_windows(api, units, [settled, unsettled], (day(0), day(2)))
    assert [days_of(window) for window in windows] == [range(1, 2)]
    assert already_stored == 1
