"""Placeholders coarser than the unit: one response would be stored under several names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.api_config import ApiConfig, ConfigError, load_config, units_at_once

WriteConfig = Callable[..., Path]
BASE = {"name": "a", "url": "https://example.com/current", "output_folder": "f", "csv_prefix": "p"}
FINE_ENOUGH = {
    "hour": ("%Y%m%d%H", "%Y-%m-%dT%H:%M%z", "%d/%H", "%I%p", ""),
    "day": ("%Y%m%d", "%j", "%d", "%Y-%m-%dT%H:%M", ""),
    "month": ("%Y%m", "%b", "%Y-%m-%d", ""),
    "year": ("%Y", "%y", "%Y%m%d", ""),
}
TOO_COARSE = {
    "hour": ("%Y%m%d", "%j%p", "%Y-%m-%d:%M", "%Y%m", "%Y"),
    "day": ("%Y%m", "%G-%V", "%Y-%mT%H:%M", "%Y"),
    "month": ("%Y", "%Y/%H"),
    "year": ("%m%d", "%H:%M"),
}
# where it is Guadalcanal's 11:00 a day of UTC begins
ZONES = ("America/New_York", "Pacific/Guadalcanal", "Asia/Kolkata")


def told(file: Path) -> dict[str, str]:
    """The problems of a configuration, by their paths."""
    try:
        load_config(file)
    except ConfigError as error:
        return {problem.path: f"{problem.cause} ({problem.suggestion})" for problem in error.problems}
    return {}


def dates(**keys: Any) -> dict[str, Any]:
    return {"dates": {"timezone": "America/New_York", **keys}}


def dated_by(text: str, unit: str) -> list[dict[str, Any]]:
    """APIs in several time zones, with the same template in each key that may hold it."""
    places: list[dict[str, Any]] = [
        {"history_url": f"https://example.com/{text}"},
        {"url": f"https://example.com/{text}"},
        {"params": {"x": text}},
        {"headers": {"X-T": text}},
    ]
    entries = [{**BASE, **dates(unit=unit, timezone=zone), **place} for zone in ZONES for place in places]
    return [
        {**entry, "name": str(number), "output_folder": str(number)} for number, entry in enumerate(entries)
    ]


@pytest.mark.parametrize("name", ["start", "end_utc", "last"])
@pytest.mark.parametrize(
    ("unit", "form"), [(unit, form) for unit, forms in TOO_COARSE.items() for form in forms], ids=str
)
def test_units_with_identical_requests_are_refused(
    write_config: WriteConfig, unit: str, form: str, name: str
) -> None:
    entries = dated_by(f"{{{name}:{form}}}", unit)
    problems = told(write_config(*entries))
    assert list(problems) == [f"$.apis[{number}].dates.unit" for number in range(len(entries))]
    assert all(f"the requests for consecutive {unit}s are identical" in text for text in problems.values())
    assert all("e.g. {start:%Y" in text for text in problems.values())


@pytest.mark.parametrize("name", ["start", "end", "last"])
@pytest.mark.parametrize(
    ("unit", "form"), [(unit, form) for unit, forms in FINE_ENOUGH.items() for form in forms], ids=str
)
def test_units_that_the_placeholders_distinguish_are_accepted(
    write_config: WriteConfig, unit: str, form: str, name: str
) -> None:
    text = f"{{{name}:{form}}}" if form else f"{{{name}}}"
    assert not told(write_config(*dated_by(text, unit)))


def test_several_placeholders_together_may_distinguish_units(write_config: WriteConfig) -> None:
    hourly = {**BASE, **dates(unit="hour"), "history_url": "https://example.com/day/{start:%Y%m%d}"}
    assert not told(write_config({**hourly, "params": {"hour": "{start:%H}"}}))
    assert told(write_config({**hourly, "params": {"again": "{end_utc:%Y%m%d}"}}))
    by_place = {"history_url": hourly["history_url"] + "/{place}", "values": {"place": [1, 2]}}
    assert told(write_config({**hourly, **by_place}))


@pytest.mark.parametrize(
    ("keys", "count"),
    [
        ({"params": {"from": "{start}"}}, 1),
        ({"params": {"from": "{start}"}, "url": "https://example.com/{end}"}, 7),
        # past dates do not use the url
        ({"history_url": "https://example.com/{start}", "url": "https://example.com/{end}"}, 1),
        ({"history_url": "https://example.com/{start:%Y%m%d}/{last:%Y%m%d}"}, 7),
        ({"history_url": "https://example.com/{start}", "params": {"to": "{end_utc:%Y%m%dT%H%M}"}}, 7),
        ({"history_url": "https://example.com/{start}", "headers": {"X-To": "{last_utc}"}}, 7),
        # an end that several days have in common
        ({"history_url": "https://example.com/{start:%Y%m%d}/{end:%Y%m}"}, 1),
        # past dates cannot be requested
        ({}, 1),
    ],
)
def test_a_request_is_for_one_unit_where_it_does_not_hold_the_end(keys: dict[str, Any], count: int) -> None:
    assert (
        units_at_once(ApiConfig.model_validate({**BASE, **dates(unit="day", max_window=7), **keys})) == count
    )
    assert units_at_once(ApiConfig.model_validate({**BASE, **dates(unit="day"), **keys})) == 1
