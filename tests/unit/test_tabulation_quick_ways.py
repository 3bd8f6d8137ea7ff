"""The ways that cut columns from the body: what they give is what the exact way gives, damaged or not.

Without deadlines: on busy cores the threads of polars wait for each other.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.documents import DocumentError
from flows.tabulation import Table
from flows.tabulation.stencilled_records import tabulate_stencilled_records
from flows.tabulation.uniform_records import tabulate_uniform_records
from tests.unit.tabulating import tabulate_exactly
from tests.unit.test_tabulation_properties import KEYS, UNIFORM

STYLES = st.sampled_from([(None, (",", ":")), (None, (", ", ": ")), (1, (",", ": "))])
DAMAGE = st.sampled_from(
    [
        '"',
        "\\",
        ",",
        ":",
        '":',
        '","',
        "{",
        "}",
        "},{",
        "[",
        "]",
        "0",
        "-",
        "-0",
        ".",
        "+",
        "1e2",
        "e",
        " ",
        "\n",
        "\t",
        "\x00",
        "null",
        "true",
        "nul",
        '"a":1,',
        ',"a":1',
        '"x"',
        "00",
        "\\u0061",
        "\\ud800",
        "\ufeff",
        "é",
        "_",
    ]
)
RECORDS = UNIFORM.filter(lambda records: len(records) > 1)


def same_as_exact(quick: Table | None, body: bytes, records: list[str] | None = None) -> bool:
    """Whether the quick way vouched for its table, which is then the exact way's."""
    if quick is None:
        return False
    return same_tables(quick, tabulate_exactly(body, records=records))


def same_tables(quick: Table, exact: Table) -> bool:
    assert quick.frame.schema == exact.frame.schema
    # repr tells 0.0 from -0.0
    assert repr(quick.frame.rows()) == repr(exact.frame.rows())
    assert (quick.records_at, quick.findings) == (exact.records_at, exact.findings)
    return True


@settings(deadline=None)
@given(records=RECORDS, wrappers=st.lists(KEYS, max_size=2), escape=st.booleans(), style=STYLES)
def test_columns_cut_from_the_body_are_those_of_the_exact_way(
    records: Any, wrappers: list[str], escape: bool, style: Any
) -> None:
    document = records
    for key in wrappers:
        document = {key: document}
    body = json.dumps(document, ensure_ascii=escape, indent=style[0], separators=style[1]).encode()
    same_as_exact(tabulate_stencilled_records(body), body)


@settings(max_examples=150, deadline=None)
@given(records=RECORDS, data=st.data(), style=STYLES)
def test_damage_anywhere_is_seen(records: Any, data: st.DataObject, style: Any) -> None:
    text = json.dumps({"w": records}, ensure_ascii=False, indent=style[0], separators=style[1])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        end = at + data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(DAMAGE) + text[end:]
    body = text.encode()
    same_as_exact(tabulate_stencilled_records(body), body)


VALUES = [
    '"x"',
    '"é, {y}: "',
    '"\\"\\n\\u00e9"',
    '""',
    "1",
    "-1",
    "0.25",
    "1e5",
    "null",
    "true",
    "12345678901234567890",
    "0.1234567890123456789",
    '"a\\\\"',
]


@settings(deadline=None)
@given(rows=st.lists(st.tuples(*[st.sampled_from(VALUES)] * 3), min_size=2, max_size=6), beside=st.booleans())
def test_any_scalars_can_be_cut(rows: list[tuple[str, str, str]], beside: bool) -> None:
    records = ",".join(f'{{"a":{a},"b":{{"@c":{b},"$":{c}}}}}' for a, b, c in rows)
    body = f'{{"total":{len(rows)},"data":[{records}],"next":"]"}}' if beside else f'{{"data":[{records}]}}'
    assert same_as_exact(tabulate_stencilled_records(body.encode(), ["data"]), body.encode(), ["data"])


@pytest.mark.parametrize(
    "last",
    [
        '{"a":1,"a":1,"t":"x"}',
        '{"a":1,"t":"x","t":"x"}',
        '{"t":"x","a":1}',
        '{"a":1}',
        '{"a":1,"t":"x","b":1}',
        '{"a":-0,"t":"x"}',
        '{"a":1.,"t":"x"}',
        '{"a":.5,"t":"x"}',
        '{"a":+1,"t":"x"}',
        '{"a":01,"t":"x"}',
        '{"a":NaN,"t":"x"}',
        '{"a":1,"t":"x\ny"}',
        '{"a":1,"t":"\\ud800"}',
        '{"a":1,"t":"x","y"}',
        '{"a":[1],"t":"x"}',
        '{"a":1,"t":{}}',
        '{"a":1,2,"t":"x"}',
        '{"a":,"t":"x"}',
        '{"a":9007199254740993,"t":"x"}',
        '{"a":0.12345678901234567,"t":"x"}',
        '{"a":1e400,"t":"x"}',
        '{"a":1e-400,"t":"x"}',
        '{"a":-0.0,"t":"x"}',
        '{"a": 1,"t":"x"}',
        '{"a":1,"t":"x"},',
        '{"a":1,"t":"x"}]}{',
        '{"a":1,"t":"","a":1}',
        '{"a":1,"t":"x"}\x00',
    ],
)
@pytest.mark.parametrize("first", ["0.5", "5", '"5"', "null"])
def test_a_record_unlike_the_others_is_never_taken_for_one_like_them(first: str, last: str) -> None:
    body = ('{"w":[' + f'{{"a":{first},"t":"x"}},' * 300 + last + "]}").encode()
    try:
        tabulate_exactly(body)
    except DocumentError:
        assert tabulate_stencilled_records(body) is None
    else:
        same_as_exact(tabulate_stencilled_records(body), body)


def test_bytes_that_are_no_text_are_left_to_the_exact_way() -> None:
    body = b'[{"a":"x"},{"a":"\xff"}]'
    assert tabulate_stencilled_records(body) is None
    assert tabulate_stencilled_records(b'[{"a\xff":"x"},{"a":"y"}]') is None


def damaged(text: str, data: st.DataObject) -> str:
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(DAMAGE) + text[at + data.draw(st.integers(0, 3)) :]
    return text


GAPPY = st.lists(
    st.fixed_dictionaries(
        {"p": st.fixed_dictionaries({"@x": st.integers(0, 9), "$": st.sampled_from(["", "y"])})},
        optional={
            "t": st.sampled_from(["x", "", "é"]),
            "n": st.integers(-5, 5) | st.floats(-9, 9),
            "m": st.none() | st.integers(0, 2),
            "b": st.booleans(),
        },
    ),
    min_size=2,
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(records=GAPPY, data=st.data())
def test_records_that_lack_keys_are_those_of_the_exact_way(records: list[Any], data: st.DataObject) -> None:
    body = damaged(json.dumps({"w": records}, separators=(",", ":")), data).encode()
    same_as_exact(tabulate_uniform_records(body), body)


@pytest.mark.parametrize(
    "last", ['{"a":1,"a":2}', '{"a":null}', '{"b":"x","b":"y"}', '{"b":null,"a":1,"a":1}', '{"b":"y"}']
)
def test_a_key_that_stands_twice_is_seen_among_records_that_lack_keys(last: str) -> None:
    body = f'[{{"a":1,"b":"x"}},{{"b":"x"}},{{"a":2}},{last}]'.encode()
    quick = tabulate_uniform_records(body)
    if last == '{"b":"y"}':
        assert same_as_exact(quick, body)
    else:
        assert quick is None


def test_keys_first_seen_late_stand_last() -> None:
    body = b'[{"b":1},{"a":0.5,"b":2},{"c":"x"}]'
    quick = tabulate_uniform_records(body)
    assert same_as_exact(quick, body)
    assert quick is not None
    assert quick.frame.columns == ["b", "a", "c"]
