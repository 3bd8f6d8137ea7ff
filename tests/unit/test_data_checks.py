"""What the checks find in a table: repeated keys, missing hours, and changes since the last object."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flows.api_config import ApiConfig
from flows.data_checks import HEAD_BYTES, StoredShape, csv_shape, data_findings
from flows.object_store import csv_bytes

NEW_YORK = ZoneInfo("America/New_York")
SPRING, AUTUMN, ORDINARY = (
    datetime(2024, month, day, tzinfo=NEW_YORK) for month, day in ((3, 10), (11, 3), (1, 2))
)


def hours_of(day: datetime) -> list[datetime]:
    """Every hour of a day in New York."""
    hour, end = day.astimezone(UTC), (day + timedelta(days=1)).astimezone(UTC)
    found = []
    while hour < end:
        found.append(hour.astimezone(NEW_YORK))
        hour += timedelta(hours=1)
    return found


def prices(hours: list[datetime]) -> pl.DataFrame:
    times = [hour.isoformat(timespec="milliseconds") for hour in hours]
    return pl.DataFrame({"BeginDate": times, "Location": ["A"] * len(hours), "Lmp": [1.5] * len(hours)})


def messages(frame: pl.DataFrame, **options: object) -> list[str]:
    return [f"{found.check}: {found.message}" for found in data_findings(frame, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(("day", "count"), [(SPRING, 23), (AUTUMN, 25), (ORDINARY, 24)])
@pytest.mark.parametrize("keys", [(), ("BeginDate", "Location")])
def test_a_whole_day_misses_no_hour_however_long_it_is(
    day: datetime, count: int, keys: tuple[str, ...]
) -> None:
    hours = hours_of(day)
    assert len(hours) == count
    expected = (hours[0], hours[-1] + timedelta(hours=1))
    for window in (None, expected):
        assert messages(prices(hours), key_columns=keys, zone=NEW_YORK, expected_hours=window) == []


def test_days_that_begin_amid_an_hour_of_utc_have_all_their_hours_too() -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    begin = datetime(2024, 1, 2, tzinfo=kolkata)
    hours = [begin + timedelta(hours=number) for number in range(24)]
    options = {"zone": kolkata, "expected_hours": (begin, begin + timedelta(days=1))}
    assert messages(prices(hours), **options) == []
    (found,) = messages(prices(hours[:5] + hours[6:]), **options)
    assert found.startswith("missing_hours: 1 hours have no row")


@pytest.mark.parametrize("day", [SPRING, AUTUMN, ORDINARY])
@pytest.mark.parametrize("index", [0, 1, 2, 11, -1])
def test_an_hour_that_is_not_there_is_named(day: datetime, index: int) -> None:
    hours = hours_of(day)
    expected = (hours[0], hours[-1] + timedelta(hours=1))
    missing = hours.pop(index)
    found = messages(prices(hours), zone=NEW_YORK, expected_hours=expected)
    assert found == [
        f"missing_hours: 1 hours have no row in BeginDate: {missing.isoformat(timespec='minutes')}"
    ]
    # without the window it cannot be known that the first or the last should be there
    found = messages(prices(hours), zone=NEW_YORK)
    assert bool(found) is (index not in {0, -1})


@given(st.sets(st.integers(min_value=0, max_value=24), max_size=10))
def test_the_missing_hours_are_those_that_were_taken_away(taken: set[int]) -> None:
    hours = hours_of(AUTUMN)
    left = [hour for index, hour in enumerate(hours) if index not in taken]
    found = messages(prices(left), expected_hours=(hours[0], hours[-1] + timedelta(hours=1)))
    assert [text.split(" hours")[0] for text in found] == ([f"missing_hours: {len(taken)}"] if taken else [])


def test_times_without_an_offset_are_those_of_the_zone() -> None:
    hours = [hour.replace(tzinfo=None) for hour in hours_of(SPRING)]
    frame = pl.DataFrame({"Time": [hour.strftime("%m/%d/%Y %H:%M") for hour in hours]})
    assert messages(frame, zone=NEW_YORK) == []
    (found,) = messages(frame, zone=ZoneInfo("UTC"))
    assert "2024-03-10T02:00+00:00" in found
    assert messages(frame) == []


def test_the_hour_that_a_clock_without_offset_shows_twice_is_not_missed() -> None:
    hours = [hour.replace(tzinfo=None) for hour in hours_of(AUTUMN)]
    shown = list(dict.fromkeys(hour.isoformat() for hour in hours))
    assert len(shown) == 24
    assert messages(pl.DataFrame({"Time": shown}), zone=NEW_YORK) == []
    shown.remove("2024-11-03T05:00:00")
    (found,) = messages(pl.DataFrame({"Time": shown}), zone=NEW_YORK)
    assert found == "missing_hours: 1 hours have no row in Time: 2024-11-03T05:00-05:00"


@pytest.mark.parametrize("year", ["0001", "0002", "9998", "9999"])
@pytest.mark.parametrize("offset", ["", "Z", "-05:00", "+14:00"])
def test_a_time_that_stands_for_none_costs_nothing(year: str, offset: str) -> None:
    times = [f"2024-01-02T{hour:02}:00:00{offset}" for hour in range(24)]
    for sentinel in (f"{year}-01-01T00:00:00{offset}", f"{year}-12-31T23:00:00{offset}"):
        frame = pl.DataFrame({"Time": [*times, sentinel]})
        assert messages(frame, key_columns=["Time"], zone=NEW_YORK) == []


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-01T00:00-05:00", "2024-01-02T00:00-05:00", "2024-01-05T00:00-05:00"],
        ["2024-01-01T00:00Z", "2024-01-01T09:00Z"],
        ["2024-01-01T00:07Z", "2024-01-01T01:07Z", "2024-01-01T03:07Z"],
        ["2024-01-01", "2024-01-02", "2024-01-04"],
        ["20240101", "20240102", "20240104"],
        ["00:00", "01:00", "03:00"],
        ["a", "b", "d"],
    ],
    ids=["days", "two", "events", "dates", "numbers", "clock", "words"],
)
def test_what_is_no_hourly_series_is_left_alone(times: list[str]) -> None:
    assert messages(pl.DataFrame({"t": times}), zone=NEW_YORK) == []


def test_an_hour_of_five_minute_data_is_missing_when_none_of_it_is_there() -> None:
    start = datetime(2024, 1, 2, tzinfo=UTC)
    times = [start + timedelta(minutes=5 * step) for step in range(72)]
    frame = pl.DataFrame({"t": [time.isoformat() for time in times if time.hour != 3]})
    assert messages(frame) == []
    (found,) = messages(frame, key_columns=["t"])
    assert found == "missing_hours: 1 hours have no row in t: 2024-01-02T03:00+00:00"


def times_of(day: datetime, minutes: int, zone: ZoneInfo = NEW_YORK) -> list[datetime]:
    """The starts of the intervals of a day."""
    count = ((day + timedelta(days=1)).astimezone(UTC) - day.astimezone(UTC)) // timedelta(minutes=minutes)
    return [
        (day.astimezone(UTC) + timedelta(minutes=minutes * each)).astimezone(zone) for each in range(count)
    ]


@pytest.mark.parametrize("day", [SPRING, AUTUMN, ORDINARY])
@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
@pytest.mark.parametrize("is_end", [False, True])
def test_a_series_of_any_step_has_all_its_times_or_the_missing_ones_are_counted(
    day: datetime, minutes: int, is_end: bool
) -> None:
    step = timedelta(minutes=minutes)
    times = times_of(day, minutes)
    shift = step if is_end else timedelta(0)
    window = (day, (day + timedelta(days=1)))
    options = {"key_columns": ["BeginDate"], "zone": NEW_YORK, "expected_hours": window}

    def found(kept: list[datetime]) -> list[str]:
        return messages(
            prices([(time.astimezone(UTC) + shift).astimezone(NEW_YORK) for time in kept]), **options
        )

    assert found(times) == []
    assert found([*times, times[-1] + step]) == [] or is_end
    (told,) = found(times[:5] + times[6:])
    missing = (times[5].astimezone(UTC) + shift).astimezone(NEW_YORK).isoformat(timespec="minutes")
    count = "1 hours have" if minutes == 60 else f"1 of {len(times)} intervals of {minutes} minutes have"
    assert told == f"missing_hours: {count} no row in BeginDate: {missing}"


@pytest.mark.parametrize(("minutes", "count"), [(5, 288 * 31), (60, 24 * 31)])
def test_most_of_a_window_that_is_missing_is_counted(minutes: int, count: int) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    last_days = [
        each for day in range(24, 32) for each in times_of(start.replace(day=day), minutes, ZoneInfo("UTC"))
    ]
    window = (start, start + timedelta(days=31))
    (told,) = messages(
        prices(last_days), key_columns=["BeginDate"], zone=ZoneInfo("UTC"), expected_hours=window
    )
    gone = count - len(last_days)
    # whole hours are missing, whatever the step
    assert told.startswith(
        f"missing_hours: {gone * minutes // 60} hours have no row in BeginDate: 2024-01-01T00:00"
    )


def test_a_single_row_is_measured_by_the_step_of_the_last_object() -> None:
    hours = hours_of(ORDINARY)
    one, window = prices(hours[3:4]), (hours[0], hours[-1] + timedelta(hours=1))
    options = {"key_columns": ["BeginDate", "Location"], "zone": NEW_YORK, "expected_hours": window}
    assert messages(one, **options) == []
    last = csv_shape(csv_bytes(prices(hours)), 24, ["BeginDate"], NEW_YORK)
    assert last is not None
    assert last.step == timedelta(hours=1)
    told = messages(one, shape=shape_of(one), last=last, **options)
    assert told[0].startswith("missing_hours: 23 hours have no row in BeginDate: 2024-01-02T00:00-05:00")


def test_days_and_months_of_a_longer_window_are_no_series_of_hours() -> None:
    window = (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC))
    days = [window[0] + timedelta(days=day) for day in range(0, 31, 2)]
    six_hours = [window[0] + timedelta(hours=hour) for hour in range(0, 31 * 24, 6)]
    for times in (days, six_hours):
        assert messages(prices(times), key_columns=["BeginDate"], zone=NEW_YORK, expected_hours=window) == []
    dates = pl.DataFrame({"t": ["2024-01-02", "2024-01-03", "2024-01-04"]})
    assert messages(dates, key_columns=["t"], zone=NEW_YORK, expected_hours=window) == []


def test_a_place_that_lacks_hours_which_the_others_have_is_named() -> None:
    hours = hours_of(ORDINARY)
    frame = pl.concat(
        prices(hours[:12] if place == "B" else hours).with_columns(Location=pl.lit(place)) for place in "ABC"
    )
    options = {"key_columns": ["BeginDate", "Location"], "zone": NEW_YORK}
    window = (hours[0], hours[-1] + timedelta(hours=1))
    assert messages(frame, expected_hours=window, **options) == [
        "missing_hours: some have no row at times that the others have: Location B (12 of 24)"
    ]
    # fuels that are idle at times are no gaps
    idle = frame.filter((pl.col("Location") == "A") | (pl.int_range(pl.len()) % 3 == 0))
    assert messages(idle, expected_hours=window, **options) == []


def test_the_rows_of_windows_of_unlike_lengths_are_not_compared() -> None:
    day, week = timedelta(days=1), timedelta(days=7)
    frame = pl.DataFrame({"a": [1] * 24})
    shape = StoredShape({"a": "numbers"}, 24, length=day)
    for length, told in ((week, 0), (day, 1), (day + timedelta(hours=1), 1), (None, 1)):
        last = StoredShape({"a": "numbers"}, 168, length=length)
        assert len(messages(frame, shape=shape, last=last)) == told


def test_rows_that_repeat_a_key_are_counted() -> None:
    frame = pl.DataFrame({"hour": [1, 1, 1, 2], "at": ["a", "a", "a", "a"], "v": [1, 2, 3, 4]})
    assert messages(frame, key_columns=["hour", "at", "v"]) == []
    assert messages(frame, key_columns=["hour", "at"]) == [
        "duplicate_keys: 2 rows repeat the key_columns of another one, first: hour 1, at a"
    ]
    assert messages(frame, key_columns=["at", "gone"]) == [
        "duplicate_keys: key_columns that the data does not have: gone"
    ]


def shape_of(frame: pl.DataFrame) -> StoredShape:
    shape = csv_shape(csv_bytes(frame)[:HEAD_BYTES], frame.height)
    assert shape is not None
    return shape


def changes(last: dict[str, list[object]], now: dict[str, list[object]]) -> list[str]:
    frame = pl.DataFrame(now)
    return messages(frame, shape=shape_of(frame), last=shape_of(pl.DataFrame(last)))


def test_changes_since_the_last_object_are_told() -> None:
    last: dict[str, list[object]] = {"a": [1], "b": ["x"], "c": [True], "d": [None]}
    assert changes(last, last) == []
    assert changes(last, {"a": [1.5], "b": ["y"], "c": [False], "d": ["now"]}) == []
    assert changes(last, {"a": [1], "b": ["x"], "e": [1], "d": [None]}) == [
        "columns: columns that the last object did not have: e",
        "columns: columns of the last object that are gone: c",
    ]
    assert changes(last, {"a": ["n/a"], "b": [2], "c": [True], "d": [None]}) == [
        "types: columns that hold something else: a (held numbers, holds text), b (held text, holds numbers)"
    ]


@pytest.mark.parametrize(
    ("last", "now", "told"), [(100, 51, 0), (100, 49, 1), (49, 100, 1), (4, 9, 0), (9, 4, 0)]
)
def test_a_row_count_far_off_is_told(last: int, now: int, told: int) -> None:
    found = changes({"a": [1] * last}, {"a": [1] * now})
    assert len(found) == told
    assert all(f"{now} rows, where the last object has {last}" in text for text in found)


def test_a_head_that_ends_within_a_line_is_read_up_to_it() -> None:
    lines = b"a,b\n" + b"1,x\n" * (HEAD_BYTES // 4 - 1)
    assert len(lines) == HEAD_BYTES
    cut = (lines[:-2] + b'"y')[:HEAD_BYTES]
    assert csv_shape(cut, None) == StoredShape({"a": "numbers", "b": "text"}, None)
    assert csv_shape(b"", None) is None


@given(st.binary(max_size=300))
def test_any_bytes_have_a_shape_or_none(head: bytes) -> None:
    shape = csv_shape(head, None)
    assert shape is None or set(shape.columns.values()) <= {"numbers", "true or false", "text", "nothing"}


def test_severities_are_set_for_all_or_for_each() -> None:
    def checks(value: object) -> dict[str, str]:
        entry = {"name": "x", "url": "https://h/x", "output_folder": "f", "csv_prefix": "p", "checks": value}
        return dict(ApiConfig.model_validate(entry).checks)

    assert set(checks("fail").values()) == {"fail"}
    assert checks({"types": "off"}) == {**checks("warn"), "types": "off"}
    assert checks({"window": "fail"}) == {**checks("warn"), "window": "fail"}
    for wrong in ("loud", {"types": "loud"}, {"hours": "warn"}, 1):
        with pytest.raises(ValidationError):
            checks(wrong)
