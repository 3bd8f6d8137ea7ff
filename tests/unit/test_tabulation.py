"""The rules of turning JSON into a flat table, one behaviour each."""

import json
from typing import Any

import polars as pl
import pytest

from flows.documents import DocumentError
from flows.tabulation import Table
from tests.unit.tabulating import tabulate_json


def tabulate(text: str, **options: Any) -> Table:
    return tabulate_json(text.encode(), **options)


def rows_of(text: str, **options: Any) -> list[dict[str, Any]]:
    return tabulate(text, **options).frame.rows(named=True)


def column_of(*values: str) -> pl.Series:
    """The column `x` of records that hold the given JSON texts."""
    return tabulate("[" + ",".join(f'{{"x":{value}}}' for value in values) + "]").frame["x"]


NO_ROWS = [
    "",
    " \n",
    "\ufeff",
    '""',
    "null",
    "{}",
    "[]",
    '{"HourlyLmps":""}',
    '{"A":{"B":[]}}',
    '{"A":{"B":null}}',
]


@pytest.mark.parametrize("text", [*NO_ROWS, "[null,null]", "[{}]"])
def test_nothing_is_no_rows(text: str) -> None:
    assert tabulate(text).frame.shape == (0, 0)


@pytest.mark.parametrize(
    ("text", "records_at", "rows"),
    [
        ('{"As":{"A":[{"x":1},{"x":2}]}}', "As > A", [{"x": 1}, {"x": 2}]),
        ('{"FiveMinSystemLoad":[{"x":1}]}', "FiveMinSystemLoad", [{"x": 1}]),
        ('{"Ls":{"L":{"x":1,"y":2}}}', "Ls > L", [{"x": 1, "y": 2}]),
        ('{"r":{"a":{"b":{"c":[{"market_hour":{"local_day":"1"}}]}}}}', "r > a > b > c",
         [{"market_hour_local_day": "1"}]),
        ('[{"x":1}]', "top of the document", [{"x": 1}]),
        ('{"a":5}', "top of the document", [{"a": 5}]),
        ('{"w":{"a":false}}', "w", [{"a": False}]),
        ("[1,null,3]", "top of the document", [{"value": 1}, {"value": None}, {"value": 3}]),
        ('[{"x":1},[1,{"y":2.50}],"t",null,{},""]', "top of the document",
         [{"x": 1, "value": None}, {"x": None, "value": '[1,{"y":2.50}]'}, {"x": None, "value": "t"},
          *[{"x": None, "value": None}] * 3]),
    ],
)  # fmt: skip
def test_records_are_found(text: str, records_at: str, rows: list[dict[str, Any]]) -> None:
    table = tabulate(text)
    assert table.records_at == records_at
    assert table.frame.rows(named=True) == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"total":9,"a b":{"@c.d":[{"x":1}]}}', [{"x": 1}]),
        ('{"total":9,"a b":{"@c.d":{"x":1}}}', [{"x": 1}]),
        ('{"total":9,"a b":{"@c.d":7}}', [{"value": 7}]),
        *[
            (text, [])
            for text in ['{"total":9}', '{"a b":""}', '{"a b":{"@c.d":""}}', '{"a b":[]}', "", "null"]
        ],
    ],
)
def test_configured_records_are_walked_to(text: str, rows: list[dict[str, Any]]) -> None:
    assert rows_of(text, records=["a b", "@c.d"]) == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a":{"b":"no data"}}', 'at a > b there is "no data"'),
        ('{"a":5}', "at a there is 5"),
        ('{"a":[{"b":1}]}', "at a there is a list of 1"),
        ("7", "at top of the document there is 7"),
    ],
)
def test_records_that_cannot_be_walked_to_are_an_error(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        tabulate(text, records=["a", "b", "c"])


@pytest.mark.parametrize("text", ['"text"', "5", "true", "false", "0"])
def test_a_bare_value_is_an_error(text: str) -> None:
    with pytest.raises(DocumentError, match="a single value, not records: " + text):
        tabulate(text)


def test_attributes_and_text_join_their_element() -> None:
    text = (
        '[{"Location":{"@LocId":"321","@LocType":"HUB","$":".H.A  B"},"@Day":"2","$":"own","a b":{"c.d":1}}]'
    )
    assert rows_of(text) == [
        {"Location_LocId": "321", "Location_LocType": "HUB", "Location": ".H.A  B", "Day": "2",
         "value": "own", "a b_c.d": 1}
    ]  # fmt: skip


def test_an_element_with_and_without_attributes_is_one_column() -> None:
    table = tabulate('[{"P":"a"},{"P":{"@i":"1","$":"b"}},{"P":""},{"P":{"$":""}}]')
    assert table.frame.to_dict(as_series=False) == {"P": ["a", "b", None, ""], "P_i": [None, "1", None, None]}
    assert table.findings == ()


def test_names_that_fall_together_get_a_number_and_a_warning() -> None:
    table = tabulate('[{"a":{"b":1},"a_b":2,"a_b_2":3,"a":{"b":1}}]'.replace(',"a":{"b":1}}', "}"))
    assert table.frame.rows(named=True) == [{"a_b": 1, "a_b_3": 2, "a_b_2": 3}]
    (finding,) = table.findings
    assert (finding.severity, finding.code) == ("warning", "column-name-collision")
    assert "a > b keeps it" in finding.message
    assert "'a_b_3'" in finding.message


def test_columns_stand_in_the_order_first_seen_over_all_records() -> None:
    records = [{"a": 1, "b": 2}] * 150 + [{"c": 3, "a": 1, "b": 2}] + [{"b": 1, "d": {"e": None}}]
    frame = tabulate(json.dumps(records)).frame
    assert frame.columns == ["a", "b", "c", "d_e"]
    assert frame["c"].to_list() == [None] * 150 + [3, None]


def test_what_is_only_ever_empty_keeps_its_column() -> None:
    frame = tabulate('[{"a":null,"b":{},"c":{"d":null},"e":null},{"e":{"f":1},"c":{}}]').frame
    assert frame.columns == ["a", "b", "c_d", "e_f"]
    assert frame.schema["a"] == pl.String
    assert frame.rows() == [(None, None, None, None), (None, None, None, 1)]


FORECAST = """{"SevenDayForecasts":{"SevenDayForecast":[
 {"BeginDate":"d1","MarketDay":[
   {"@Day":"2","Weather":{"CityWeather":[{"CityName":"Boston","HighTempF":32},{"CityName":"Hartford"}]}},
   {"@Day":"3","Weather":{"CityWeather":""},"PeakLoadMw":18050}],"CreationDate":"c1"},
 {"BeginDate":"d2","MarketDay":{"@Day":"4"},"CreationDate":"c2"},
 {"BeginDate":"d3","MarketDay":"","CreationDate":"c3"},
 {"BeginDate":"d4","MarketDay":[],"CreationDate":"c4"},
 {"BeginDate":"d5","CreationDate":"c5"}]}}"""


def test_the_one_list_of_objects_becomes_rows() -> None:
    table = tabulate(FORECAST)
    assert table.frame.columns == [
        "BeginDate", "MarketDay_Day", "MarketDay_Weather_CityWeather", "MarketDay_PeakLoadMw", "CreationDate"
    ]  # fmt: skip
    assert table.frame.rows() == [
        ("d1", "2", '[{"CityName":"Boston","HighTempF":32},{"CityName":"Hartford"}]', None, "c1"),
        ("d1", "3", None, 18050, "c1"),
        ("d2", "4", None, None, "c2"),
        ("d3", None, None, None, "c3"),
        ("d4", None, None, None, "c4"),
        ("d5", None, None, None, "c5"),
    ]
    assert [(finding.severity, finding.code) for finding in table.findings] == [("info", "nested-lists-kept")]


def test_configured_lists_explode_one_inside_the_other() -> None:
    frame = tabulate(FORECAST, explode=[["MarketDay", "Weather", "CityWeather"], ["MarketDay"]]).frame
    city = "MarketDay_Weather_CityWeather_"
    assert frame.columns == [
        "BeginDate", "MarketDay_Day", city + "CityName", city + "HighTempF", "MarketDay_PeakLoadMw",
        "CreationDate",
    ]  # fmt: skip
    assert frame.rows() == [
        ("d1", "2", "Boston", 32, None, "c1"),
        ("d1", "2", "Hartford", None, None, "c1"),
        ("d1", "3", None, None, 18050, "c1"),
        *[(f"d{day}", "4" if day == 2 else None, None, None, None, f"c{day}") for day in (2, 3, 4, 5)],
    ]


MORNING_REPORT = """{"MorningReports":{"MorningReport":[{"CsoMw":30280,
 "TieDelivery":[{"TieName":"NB","TieFlowMw":-4.50}],
  "CityForecastDetail":[{"CityName":"Bøston"},{}],"Tags":[1, "a"]},
 {"CsoMw":1,"TieDelivery":{"TieName":"HQ"},"CityForecastDetail":[],"Tags":""}]}}"""


def test_lists_side_by_side_stay_json_text() -> None:
    table = tabulate(MORNING_REPORT)
    assert table.frame.rows(named=True) == [
        {"CsoMw": 30280, "TieDelivery": '[{"TieName":"NB","TieFlowMw":-4.50}]',
         "CityForecastDetail": '[{"CityName":"Bøston"},{}]', "Tags": '[1,"a"]'},
        {"CsoMw": 1, "TieDelivery": '{"TieName":"HQ"}', "CityForecastDetail": "[]", "Tags": None},
    ]  # fmt: skip
    (finding,) = table.findings
    assert "TieDelivery, CityForecastDetail" in finding.message


def test_one_of_several_lists_explodes_when_configured() -> None:
    frame = tabulate(MORNING_REPORT, explode=[["TieDelivery"]]).frame
    assert frame.columns == [
        "CsoMw",
        "TieDelivery_TieName",
        "TieDelivery_TieFlowMw",
        "CityForecastDetail",
        "Tags",
    ]
    assert frame.rows()[1] == (1, "HQ", None, "[]", None)


def test_an_empty_explode_explodes_nothing() -> None:
    assert rows_of('[{"a":[{"b":1}]}]', explode=[]) == [{"a": '[{"b":1}]'}]


def test_items_that_are_no_objects_stand_in_the_column_of_their_list() -> None:
    text = '[{"k":1,"L":[{"x":1},"t",[2],null,{}]}]'
    assert tabulate(text).frame.rows() == [
        (1, 1, None),
        (1, None, "t"),
        (1, None, "[2]"),
        *[(1, None, None)] * 2,
    ]
    assert tabulate('[{"k":1,"L":["a",""]}]', explode=[["L"]]).frame.rows() == [(1, "a"), (1, "")]


@pytest.mark.parametrize(
    "explode", [[["A"], ["B"]], [["A", "B"], ["A", "C"]], [["A"], ["A", "B"], ["B", "C", "D"]]]
)
def test_exploding_lists_side_by_side_is_an_error(explode: list[list[str]]) -> None:
    with pytest.raises(DocumentError, match="side by side"):
        tabulate("[]", explode=explode)


def test_an_explode_path_that_no_record_has_is_reported() -> None:
    (finding,) = tabulate('[{"a":1}]', explode=[["Marketday"]]).findings
    assert finding.code == "explode-path-not-found"
    assert "Marketday" in finding.message


def test_an_inner_list_that_is_exploded_alone_is_told_with_the_list_around_it() -> None:
    found = tabulate('[{"a": [{"c": 1, "e": [{"f": 1}]}]}]', explode=[["a", "e"]]).findings
    messages = [finding.message for finding in found]
    assert "explode names a > e, which is inside the list a: name that too" in messages


TYPES: list[tuple[list[str], type[pl.DataType], list[Any]]] = [
    (["1", "null", "-9223372036854775808"], pl.Int64, [1, None, -(2**63)]),
    (["-0"], pl.Int64, [0]),
    (["-0", "-0.0"], pl.Float64, [0.0, -0.0]),
    (["9223372036854775807"], pl.Int64, [2**63 - 1]),
    (["1", "9223372036854775808"], pl.String, ["1", "9223372036854775808"]),
    (["1", "9" * 5000], pl.String, ["1", "9" * 5000]),
    (["1", "2.5", "9007199254740992"], pl.Float64, [1.0, 2.5, 2.0**53]),
    (["1.50", "9007199254740993"], pl.String, ["1.50", "9007199254740993"]),
    (["1.50", "9" * 400], pl.String, ["1.50", "9" * 400]),
    (["0.30000000000000004", "1E5", "-0.0"], pl.Float64, [0.30000000000000004, 1e5, -0.0]),
    (["0.1000000000000000000000", "0.00000000000000000000125"], pl.Float64, [0.1, 1.25e-21]),
    (["0.5000000000000000000000000000000000000000000001", "1"], pl.String,
     ["0.5000000000000000000000000000000000000000000001", "1"]),
    (["12345678901234.567"], pl.String, ["12345678901234.567"]),
    (["12345678901234.56", "123456789012345.0"], pl.Float64, [12345678901234.56, 123456789012345.0]),
    (["9007199254740993.0", "0.5"], pl.String, ["9007199254740993.0", "0.5"]),
    (["0.10000000000000001"], pl.String, ["0.10000000000000001"]),
    (["5e-324", "2.2250738585072014e-308"], pl.Float64, [5e-324, 2.2250738585072014e-308]),
    (["4.9e-324"], pl.String, ["4.9e-324"]),
    (["36028797018963968.5", "1"], pl.String, ["36028797018963968.5", "1"]),
    (["1e400", "1.0"], pl.String, ["1e400", "1.0"]),
    (["1e-400", "1.0"], pl.String, ["1e-400", "1.0"]),
    (["0e-400", "1.0"], pl.Float64, [0.0, 1.0]),
    (["true", "false", "null"], pl.Boolean, [True, False, None]),
    (["true", "1.50", '"x"', "1E5", "[1.50]", "null"], pl.String,
     ["true", "1.50", "x", "1E5", "[1.50]", None]),
    (['"007"', '"2024-11-03T01:00:00.000-04:00"', '""'], pl.String,
     ["007", "2024-11-03T01:00:00.000-04:00", ""]),
    (['"1"', "1"], pl.String, ["1", "1"]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "kind", "expected"), TYPES)
def test_a_column_has_the_type_that_holds_all_its_values(
    values: list[str], kind: type[pl.DataType], expected: list[Any]
) -> None:
    column = column_of(*values)
    assert column.dtype == kind
    assert list(map(repr, column.to_list())) == list(map(repr, expected))


@pytest.mark.parametrize("late", ['"n/a"', "2.5", "12345678901234567890", "true", "null"])
def test_a_value_of_another_type_after_many_rows_is_kept(late: str) -> None:
    values = ["1"] * 5000 + [late]
    last = {"null": None, "2.5": 2.5}.get(late, late.strip('"'))
    assert column_of(*values)[-1] == last


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<!DOCTYPE html>\n<html><title>401\x07</title>",
         "^HTML where JSON was expected: <!DOCTYPE html> <html><title>401\ufffd</title>$"),
        (b"<?xml version='1.0'?><HourlyLmps/>", r"^XML where JSON was expected: <\?xml"),
        *[(cut, r"^JSON cut short at line \d+ column \d+") for cut in
          [b'{"a":\n[1,2', b'{"a', b'{"a":', b"[tr", b"[-", b"[1.", b"[1e+", b'["\\', b'["\\u00']],
        (b'{"a": 1,\n "b": x}', r"^invalid JSON at line 2 column 7: Expecting value; the body begins: \{"),
        (b"Service Unavailable", r"^invalid JSON at line 1 column 1: .* begins: Service Unavailable$"),
        (b'{"a":1}\n{"a":2}', "^invalid JSON at line 2 column 1: Extra data"),
        (b'["NaN",\n NaN]', "^invalid JSON at line 2 column 2: NaN is not"),
        (b"[-Infinity]", "column 2: -Infinity is not"),
        (b'[{"a":"\xff"}]', "^invalid UTF-8 at byte 7 of 11"),
        (b'\xef\xbb\xbf[{"a":"\xff"}]', "^invalid UTF-8 at byte 10 of 14"),
        (b'{"A":{"B":[{},{"k":1,"k":2}]}}', r'the key "k" stands twice in the object at A > B > \[1\]$'),
        (b'[{"a":"\\ud800"}]', r"the text at \[0\] > a holds the unpaired surrogate '\\ud800'"),
        (b'[{"\\udc00":1}]', r"the text at \[0\] holds the unpaired surrogate"),
        (b"[" * 101 + b"]" * 101, "nested deeper than 100 levels"),
        (b'{"a":[' * 100_000, "nested deeper than 100 levels"),
    ],
)  # fmt: skip
def test_what_is_not_json_is_an_error_that_says_what_and_where(body: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as caught:
        tabulate_json(body)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


def test_a_hundred_levels_are_not_too_deep() -> None:
    assert tabulate_json(b"[" * 100 + b"]" * 100).frame["value"].to_list() == ["[" * 99 + "]" * 99]


def test_a_byte_order_mark_is_skipped() -> None:
    assert tabulate_json(b'\xef\xbb\xbf[{"a":"\xc3\xa9"}]').frame["a"].to_list() == ["é"]


def test_columns_of_an_object_that_is_null_at_first_come_in_the_order_they_are_seen() -> None:
    table = tabulate_json(b'[{"a": null, "b": 1}, {"a": {"x": 2, "$": 3}, "b": 4}]')
    assert table.frame.columns == ["a", "b", "a_x"]
    assert table.frame.rows() == [(None, 1, None), (3, 4, 2)]
    assert tabulate_json(b'[{"a": null, "b": 1}, {"a": {"x": 2}}]').frame.columns == ["b", "a_x"]
