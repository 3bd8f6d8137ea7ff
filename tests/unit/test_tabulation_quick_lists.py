"""Records with lists that take the quick way: what it gives is what the exact way gives, damaged or not.

Without deadlines: on busy cores the threads of polars wait for each other.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.documents import DocumentError
from flows.tabulation import record_shapes
from flows.tabulation.uniform_records import tabulate_uniform_records
from tests.unit.tabulating import tabulate_exactly
from tests.unit.test_tabulation_properties import KEYS, LEAVES, SCALARS
from tests.unit.test_tabulation_quick_ways import STYLES, damaged, same_tables


@dataclass(frozen=True)
class ListOf:
    """The shape of a list of objects."""

    items: Any


LEAF_NAMES = st.sampled_from(["text", "integer", "short", "flag", "maybe", "perhaps", "never", "scalars"])
SHAPES = st.recursive(
    LEAF_NAMES,
    lambda inner: st.one_of(
        st.dictionaries(KEYS, inner, min_size=1, max_size=3),
        st.dictionaries(KEYS, inner, min_size=1, max_size=3).map(ListOf),
    ),
    max_leaves=10,
)
ODD: st.SearchStrategy[Any] = st.sampled_from(
    ["", None, {}, [], [1], [[]], [{}], [{"a": 1}], [""], [None], "x", 1.5, {"a": 1}]
)


def values_of(shape: Any) -> st.SearchStrategy[Any]:
    if isinstance(shape, ListOf):
        return st.lists(values_of(shape.items), max_size=3)
    if isinstance(shape, dict):
        return st.fixed_dictionaries({key: values_of(inner) for key, inner in shape.items()})
    return st.lists(SCALARS, max_size=2) if shape == "scalars" else LEAVES[shape]


RECORDS = st.dictionaries(KEYS, SHAPES, min_size=1, max_size=4).flatmap(
    lambda shape: st.lists(values_of(shape), min_size=1, max_size=6)
)


def taken(body: bytes, keeps_all_lists: bool = False, records: list[str] | None = None) -> bool:
    """Whether the quick way vouched for its table, which is then the exact way's."""
    quick = tabulate_uniform_records(body, records, keeps_all_lists=keeps_all_lists)
    if quick is None:
        return False
    return same_tables(
        quick, tabulate_exactly(body, records=records, explode=[] if keeps_all_lists else None)
    )


def compact(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


@settings(max_examples=150, deadline=None)
@given(records=RECORDS, escape=st.booleans(), style=STYLES, keeps=st.booleans(), data=st.data())
def test_records_with_lists_are_those_of_the_exact_way(
    records: list[Any], escape: bool, style: Any, keeps: bool, data: st.DataObject
) -> None:
    text = json.dumps({"w": records}, ensure_ascii=escape, indent=style[0], separators=style[1])
    # what the shape is not learned from has to be seen nonetheless
    with patch.object(record_shapes, "_SAMPLE_RECORDS", data.draw(st.integers(1, 4))):
        taken(text.encode(), keeps)
        taken(damaged(text, data).encode(), keeps)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """All keys and positions below a value, each with what it stands in."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from places(inner)


@settings(max_examples=150, deadline=None)
@given(records=RECORDS, keeps=st.booleans(), data=st.data())
def test_an_odd_value_anywhere_is_seen(records: list[Any], keeps: bool, data: st.DataObject) -> None:
    records = json.loads(json.dumps(records))
    for _ in range(data.draw(st.integers(1, 2))):
        holder, key = data.draw(st.sampled_from(list(places(records))))
        if isinstance(holder, dict) and data.draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = copy.deepcopy(data.draw(ODD))
        if not list(places(records)):
            return
    with patch.object(record_shapes, "_SAMPLE_RECORDS", data.draw(st.integers(1, 4))):
        taken(compact(records), keeps)


ITEMS = st.fixed_dictionaries(
    {
        "@n": st.sampled_from(["1", "", "é"]),
        "v": st.integers(-5, 5) | st.sampled_from([0.5, 2.0]),
        "in": st.fixed_dictionaries(
            {"$": st.sampled_from(["a b", "c"]), "l": st.lists(st.just({"k": "x y"}))}
        ),
    }
)
FORECASTS = st.lists(
    st.fixed_dictionaries(
        {"t": st.sampled_from(["x", "y z"]), "s": st.lists(st.integers(0, 3))},
        optional={"n": st.integers(0, 9), "d": st.lists(ITEMS, max_size=3)},
    ),
    max_size=5,
).map(lambda records: [{"t": "x", "d": [{"@n": "", "v": 1.5, "in": {"$": "", "l": []}}], "s": []}, *records])


@settings(deadline=None)
@given(records=FORECASTS, data=st.data())
def test_an_only_list_of_objects_is_exploded_the_quick_way(records: list[Any], data: st.DataObject) -> None:
    assert taken(compact({"w": records}))
    assert taken(json.dumps(records).encode())
    assert taken(compact({"w": records}), keeps_all_lists=True)
    taken(damaged(compact({"w": records}).decode(), data).encode())


@settings(deadline=None)
@given(
    more=st.lists(
        st.fixed_dictionaries(
            {"a": st.lists(ITEMS), "o": st.fixed_dictionaries({"b": st.lists(ITEMS)}), "t": st.just("z")},
            optional={"late": st.lists(st.integers(0, 3) | st.just("é f"))},
        ),
        max_size=4,
    ),
    data=st.data(),
)
def test_lists_side_by_side_are_kept_the_quick_way(more: list[Any], data: st.DataObject) -> None:
    records = [{"a": [{"x": 1}], "o": {"b": [{"y": "p q"}]}, "t": ""}, *more]
    assert taken(compact({"w": records}))
    assert taken(json.dumps(records, indent=1).encode())
    taken(damaged(compact(records).decode(), data).encode())


def test_lists_and_their_texts_come_as_the_exact_way_has_them() -> None:
    body = (
        b'[{"a":[{"x":1.50,"y":"p  q"},{}],"b":[{"z":[1E3]}],"c":[]},{"a":[],"b":[null,-0],"c":["\xc3\xa9"]}]'
    )
    assert taken(body)
    quick = tabulate_uniform_records(body)
    assert quick is not None
    assert quick.frame.rows() == [
        ('[{"x":1.50,"y":"p  q"},{}]', '[{"z":[1E3]}]', "[]"),
        ("[]", "[null,-0]", '["é"]'),
    ]
    assert [finding.code for finding in quick.findings] == ["nested-lists-kept"]
    assert "text in a, b;" in quick.findings[0].message


@pytest.mark.parametrize(
    "last",
    [
        '{"t":"x","l":[]}',
        '{"t":null,"l":[{"k":1,"s":["p"]}]}',
        '{"l":[{"s":[],"k":-5}],"t":"x"}',
        '{"t":"x"}',
    ],
)
def test_an_empty_or_missing_list_keeps_a_row(last: str) -> None:
    first = '{"t":"x","l":[{"k":1,"s":[]},{"k":2,"s":[{"u":1}]}]},{"t":null,"l":[{"k":1,"s":[]}]}'
    assert taken(f"[{first},{last}]".encode())


@pytest.mark.parametrize(
    "last",
    [
        '{"t":"x","l":""}',
        '{"t":"x","l":null}',
        '{"t":"x","l":{"k":1}}',
        '{"t":"x","l":[{"k":1},null]}',
        '{"t":"x","l":[{"k":1},[{"k":1}]]}',
        '{"t":"x","l":[{"k":1,"k":2}]}',
        '{"t":"x","l":[{"k":1}],"l":[{"k":1}]}',
        '{"t":"x","t":"x","l":[]}',
        '{"t":"x","l":[{}]}',
        '{"t":"x","l":[{"k":"1"}]}',
        '{"t":"x","l":[{"k":-0}]}',
        '{"t":"x","l":[{"k":1,"j":1}]}',
        '{"t":"x"}',
        '{"t":"x","l":[{"k":1},]}',
        '{"t":"x","l":[{"k":1}}',
    ],
)
def test_lists_unlike_the_others_are_left_to_the_exact_way(last: str) -> None:
    for records in ('{"t":"y","l":[{"k":1}]},' * 60, '{"t":"y","l":[{"k":1.5}]},' * 60):
        body = f"[{records}{last}]".encode()
        try:
            tabulate_exactly(body)
        except DocumentError:
            assert tabulate_uniform_records(body) is None
        else:
            taken(body)


@pytest.mark.parametrize(
    "kept",
    [
        '[{"x":1,"x":1}]',
        '[{"x":":"}]',
        '[{"x" :1}]',
        '[{"x":{"y":1,"y":2}}]',
        '[{"x":"\\u0041"}]',
        '[{"x":"\\ud800"}]',
        '[{"x":"a\tb"}]',
        '[{"x":1} ]',
        '[{"x":"p q" ,"y":"r s"}]',
        '[{"x": "p q"}]',
        '[{"p q":1}, {"p q":2}]',
        "[1e999]",
        "[123456789012345678901234567890]",
        "[NaN]",
        "[01]",
        "{}",
        '""',
        '"["',
        "null",
        "1",
        '{"x":[]}',
    ],
)
def test_what_is_written_in_kept_lists_is_read_all_the_same(kept: str) -> None:
    for late in (0, 60):
        records = '{"a":[{"x":1}],"b":[{"x":2}]},' * late
        body = f'[{records}{{"a":[{{"x":1}}],"b":{kept}}},{{"a":[],"b":[{{"x":3}}]}}]'.encode()
        try:
            tabulate_exactly(body)
        except DocumentError:
            assert tabulate_uniform_records(body) is None
        else:
            taken(body)


def test_bytes_that_are_no_text_are_seen_in_kept_lists() -> None:
    for kept in (b'["\xff"]', b'[{"\xff":1}]', b'["\xed\xa0\x80"]'):
        assert tabulate_uniform_records(b'[{"a":1,"b":' + kept + b"}]") is None


def test_a_list_of_objects_that_comes_up_late_decides_for_all() -> None:
    without = '{"a":[1],"b":[]},' * 60
    assert taken(f'[{without}{{"a":[2],"b":[]}}]'.encode())
    assert tabulate_uniform_records(f'[{without}{{"a":[2],"b":[{{"x":1}}]}}]'.encode()) is None
    assert taken(f'[{without}{{"a":[{{"y":1}}],"b":[{{"x":1}}]}}]'.encode())
    one = '{"a":[{"x":1}],"b":[]},' * 60
    assert taken(f'[{one}{{"a":[],"b":[3]}}]'.encode())
    assert tabulate_uniform_records(f'[{one}{{"a":[],"b":[{{"x":1}}]}}]'.encode()) is None


@pytest.mark.parametrize("wrappers", [0, 3])
@pytest.mark.parametrize("is_exploded", [True, False])
def test_lists_nested_too_deeply_are_refused(wrappers: int, is_exploded: bool) -> None:
    for levels in range(88, 101):
        deep = "[" * levels + '{"k":1}' + "]" * levels
        record = f'{{"a":[{{"x":1,"d":{{"e":{deep}}}}}]}}' if is_exploded else f'{{"a":1,"d":{{"e":{deep}}}}}'
        body = ('{"w":' * wrappers + f"[{record},{record}]" + "}" * wrappers).encode()
        try:
            tabulate_exactly(body)
        except DocumentError:
            assert tabulate_uniform_records(body) is None
        else:
            assert taken(body)
