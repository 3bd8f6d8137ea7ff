"""Plans: the requests of an API, with placeholders filled in."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.api_config import ApiConfig, ConfigError, Dates, load_config
from flows.request_plan import (
    CollectionRequest,
    current_window,
    plan_collections,
)
from tests.conftest import NOW

STAMP = "20240102_030405"
EASTERN = {"unit": "day", "timezone": "America/New_York"}


def api(name: str = "Fuel Mix", **options: Any) -> ApiConfig:
    url = "https://example.com/api/current?units=MW"
    return ApiConfig.model_validate(
        {"name": name, "url": url, "output_folder": name, "csv_prefix": "p", **options}
    )


def planned(now: datetime = NOW, **options: Any) -> tuple[CollectionRequest, ...]:
    (collection,) = plan_collections([api(**options)], STAMP, now)
    assert all(request.stamp == STAMP for request in collection.requests)
    return collection.requests


def test_each_api_has_one_request_in_the_configurations_order_with_the_runs_stamp() -> None:
    collections = plan_collections([api("b"), api("a")], STAMP, NOW)
    assert [collection.identity for collection in collections] == [("b", STAMP), ("a", STAMP)]
    assert [len(collection.requests) for collection in collections] == [1, 1]
    assert plan_collections([], STAMP, NOW) == ()


def test_url_parameters_and_headers_are_sent_as_configured() -> None:
    (request,) = planned(params={"page": 2, "all": True}, headers={"X-Client": "me"})
    assert request.url == "https://example.com/api/current?units=MW"
    assert request.params == (("page", "2"), ("all", "true"))
    assert dict(request.headers)["X-Client"] == "me"


@pytest.mark.parametrize(
    ("options", "accept"),
    [
        ({}, {"Accept": "application/json"}),
        ({"headers": {"X-Client": "me"}}, {"Accept": "application/json"}),
        ({"headers": {"accept": "application/geo+json"}}, {"accept": "application/geo+json"}),
        ({"format": "csv"}, {"Accept": "text/csv, text/plain;q=0.9, */*;q=0.1"}),
        ({"format": "xml"}, {"Accept": "application/xml, text/xml;q=0.9, */*;q=0.1"}),
    ],
    ids=["none configured", "others configured", "an own one in lower case", "csv", "xml"],
)
def test_the_accept_header_follows_the_format_unless_it_is_configured(
    options: dict[str, Any], accept: dict[str, str]
) -> None:
    (request,) = planned(**options)
    assert {name: value for name, value in request.headers if name.lower() == "accept"} == accept


def test_a_plan_holds_no_secret_but_its_reference() -> None:
    (request,) = planned(auth={"kind": "query", "name": "api_key", "value": {"env": "SERVICE_KEY"}})
    assert "api_key" not in request.url
    assert request.params == ()
    assert [name for name, _ in request.headers] == ["Accept"]


def test_a_run_requests_the_current_day_in_the_apis_time_zone() -> None:
    # 03:04 UTC is still the day before in New York
    (request,) = planned(
        dates=EASTERN,
        url="https://example.com/{start:%Y/%m}/pal_{start:%Y%m%d}.csv?until={end:%Y-%m-%dT%H:%M}",
        params={
            "from_utc": "{start_utc:%Y%m%dT%H:%M-0000}",
            "last": "{last}",
            "fixed": "{{x}}",
            "offset": "{start:%w%%:z%:z}",
        },
        headers={"X-Day": "{start:%j}"},
    )
    assert request.url == "https://example.com/2024/01/pal_20240101.csv?until=2024-01-02T00:00"
    assert dict(request.params) == {
        "from_utc": "20240101T05:00-0000",
        "last": "2024-01-01T00:00:00-05:00",
        "fixed": "{x}",
        "offset": "1%:z-05:00",
    }
    assert dict(request.headers)["X-Day"] == "001"


def test_each_combination_of_values_is_a_request_of_one_collection() -> None:
    requests = planned(
        url="https://example.com/{type}/location/{location}",
        params={"again": "{location}"},
        values={"type": ["LOAD ZONE", "a/b"], "location": [4001, 4002]},
    )
    assert [request.url.removeprefix("https://example.com/") for request in requests] == [
        "LOAD%20ZONE/location/4001",
        "LOAD%20ZONE/location/4002",
        "a%2Fb/location/4001",
        "a%2Fb/location/4002",
    ]
    assert requests[1].labels == (("type", "LOAD ZONE"), ("location", "4002"))
    assert requests[1].params == (("again", "4002"),)


@pytest.mark.parametrize(
    ("unit", "now", "start", "hours"),
    [
        ("day", "2024-03-10T12:00:00-04:00", "2024-03-10T00:00:00-05:00", 23),
        ("day", "2024-11-03T00:30:00-04:00", "2024-11-03T00:00:00-04:00", 25),
        ("day", "2024-07-01T23:59:59-04:00", "2024-07-01T00:00:00-04:00", 24),
        ("hour", "2024-11-03T01:30:00-04:00", "2024-11-03T01:00:00-04:00", 1),
        ("hour", "2024-11-03T01:30:00-05:00", "2024-11-03T01:00:00-05:00", 1),
        ("hour", "2024-03-10T01:59:00-05:00", "2024-03-10T01:00:00-05:00", 1),
        ("month", "2024-11-30T23:00:00-05:00", "2024-11-01T00:00:00-04:00", 30 * 24 + 1),
        ("month", "2023-12-31T12:00:00-05:00", "2023-12-01T00:00:00-05:00", 31 * 24),
        ("year", "2024-12-31T23:00:00-05:00", "2024-01-01T00:00:00-05:00", 366 * 24),
    ],
)
def test_windows_follow_the_zones_calendar(unit: Any, now: str, start: str, hours: int) -> None:
    window = current_window(Dates(unit=unit, timezone="America/New_York"), datetime.fromisoformat(now))
    assert window.start.isoformat() == start
    assert window.last == window.start
    # subtracting in one zone would leave out the change of clocks
    assert window.end.astimezone(UTC) - window.start.astimezone(UTC) == timedelta(hours=hours)


@given(
    moment=st.integers(631152000, 2840140800).map(lambda second: datetime.fromtimestamp(second, UTC)),
    unit=st.sampled_from(["hour", "day", "month", "year"]),
    zone=st.sampled_from(
        ["America/New_York", "UTC", "Europe/Brussels", "Asia/Kolkata", "America/Santiago", "Pacific/Apia"]
    ),
)
def test_a_moment_is_in_its_window_and_windows_follow_each_other(moment: Any, unit: Any, zone: str) -> None:
    dates = Dates(unit=unit, timezone=zone)
    window = current_window(dates, moment)
    start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
    assert start <= moment < end
    assert current_window(dates, end).start.astimezone(UTC) == end


TEMPLATE_PIECES = st.sampled_from(
    [
        "{",
        "}",
        "{{",
        "}}",
        "start",
        "end_utc",
        "last",
        "{start}",
        "{end:%Y%m%d}",
        "{start:%",
        ":%H:%M}",
        "{place}",
        "!r",
        "%",
        "%Q",
        "ä",
        "/",
        ".",
        "[0]",
        "{0}",
        "{start.year}",
        "{}",
        "x",
    ]
)


@given(template=st.one_of(st.lists(TEMPLATE_PIECES, max_size=6).map("".join), st.text(max_size=20)))
def test_any_template_is_filled_in_or_refused(
    template: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any_template.json"
    entry = {
        "name": "a",
        "url": "https://example.com/{place}/api",
        "output_folder": "f",
        "csv_prefix": "p",
        "dates": EASTERN,
        "values": {"place": ["here"]},
        "params": {"q": template},
    }
    file.write_bytes(json.dumps({"apis": [entry]}).encode())
    try:
        (config,) = load_config(file).apis
    except ConfigError:
        # only what has braces, a control character or half a character in it is refused
        assert re.search(r"[{}\x00-\x1f\x7f-\x9f\ud800-\udfff]", template)
        return
    (collection,) = plan_collections([config], STAMP, NOW)
    ((_, filled),) = collection.requests[0].params
    assert isinstance(filled, str)
    if "{" not in template and "}" not in template:
        assert filled == template


@given(value=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20))
def test_a_value_stays_within_its_part_of_the_path(value: str) -> None:
    (request,) = planned(url="https://example.com/a/{v}/b?c=d", values={"v": [value]})
    parts = urlsplit(request.url)
    assert [unquote(part) for part in parts.path.split("/")] == ["", "a", value, "b"]
    assert (parts.netloc, parts.query, parts.fragment) == ("example.com", "c=d", "")
