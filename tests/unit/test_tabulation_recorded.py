"""Recorded replies tabulate, and every value of each is found in its row by a walk of the JSON itself."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.tabulating import tabulate_json

PAYLOADS = Path(__file__).parents[3] / "shared" / "isone" / "payloads"
NAMES = sorted(path.name for path in PAYLOADS.glob("*.json"))


def read(body: bytes | str) -> Any:
    """Parse with every number as the exact decimal that its source text is."""
    return json.loads(body, parse_float=Decimal, parse_int=Decimal)


def fields(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Go through the flat names and values below an object, lists left as they are."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, inner in value.items():
        if key == "$":
            yield name, inner
        else:
            yield from fields(inner, (name + "_" if name else "") + key.lstrip("@"))


def is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def expected_rows(document: Any) -> list[dict[str, Any]]:
    while isinstance(document, dict) and len(document) == 1:
        document = next(iter(document.values()))
    records = [dict(fields(record)) for record in (document if isinstance(document, list) else [document])]
    lists = {name for record in records for name, value in record.items() if is_list_of_objects(value)}
    if len(lists) != 1:
        return records
    (name,) = lists
    return [
        {key: value for key, value in record.items() if key != name} | dict(fields(item, name))
        for record in records
        for item in record[name]
    ]


def as_source(cell: Any, expected: Any) -> Any:
    """Bring a cell to the form of the value it should hold."""
    if isinstance(expected, list):
        return read(cell)
    if isinstance(expected, Decimal):
        return Decimal(repr(cell)) if isinstance(cell, int | float) else cell
    return cell


@pytest.mark.skipif(not NAMES, reason=f"the recorded payloads are not at {PAYLOADS}")
@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_a_recorded_reply_is_in_its_row(name: str) -> None:
    body = (PAYLOADS / name).read_bytes()
    expected = expected_rows(read(body))
    rows = tabulate_json(body).frame.rows(named=True)
    assert len(rows) == len(expected) > 0
    for row, source in zip(rows, expected, strict=True):
        held = {key: cell for key, cell in row.items() if cell is not None}
        wanted = {key: value for key, value in source.items() if value is not None}
        assert held.keys() == wanted.keys()
        assert {key: as_source(cell, wanted[key]) for key, cell in held.items()} == wanted


@pytest.mark.skipif(not NAMES, reason=f"the recorded payloads are not at {PAYLOADS}")
@pytest.mark.parametrize(
    "name", ["sevendayforecast_current__pyiso.json", "sevendayforecast_20160101__pyiso.json"]
)
def test_a_recorded_forecast_has_a_row_for_each_city_of_each_day_when_configured(name: str) -> None:
    body = (PAYLOADS / name).read_bytes()
    (forecast,) = read(body)["SevenDayForecasts"]["SevenDayForecast"]
    expected = [
        (forecast["CreationDate"], day["MarketDate"], day["PeakLoadMw"], city["CityName"], city["HighTempF"])
        for day in forecast["MarketDay"]
        for city in day["Weather"]["CityWeather"]
    ]
    city = "MarketDay_Weather_CityWeather_"
    columns = [
        "CreationDate",
        "MarketDay_MarketDate",
        "MarketDay_PeakLoadMw",
        city + "CityName",
        city + "HighTempF",
    ]
    explode = [["MarketDay"], ["MarketDay", "Weather", "CityWeather"]]
    assert tabulate_json(body, explode=explode).frame.select(columns).rows() == expected
