"""Rows and lists cut from the body: what that gives is what the exact way gives, damaged or not.

Without deadlines: on busy cores the threads of polars wait for each other.
"""

from __future__ import annotations

import json
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.tabulation import Layout, Part, source_texts, tabulate
from flows.tabulation.cut_columns import tabulate_cut_lists, tabulate_cut_rows
from tests.unit.test_tabulation_quick_ways import VALUES, damaged, same_tables

ROWS = st.lists(
    st.lists(st.sampled_from([*VALUES, "[]", '"a,b"', '"]"']), min_size=3, max_size=3), min_size=1, max_size=5
)
NAMES = st.lists(st.sampled_from(["a", "a_2", "b", "$", "[0]", ""]), min_size=3, max_size=3)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, names=NAMES, space=st.sampled_from(["", " ", "\n "]), data=st.data())
def test_cut_rows_are_those_of_the_exact_way(
    rows: list[list[str]], names: list[str], space: str, data: st.DataObject
) -> None:
    separator = f",{space}"
    cells = separator.join(f"[{space}{separator.join(row)}]" for row in rows)
    text = f'{{"names":{json.dumps(names)},"rows":[{cells}],"more":[1, 2,3]}}'
    body = damaged(text, data).encode()
    quick = tabulate_cut_rows(body, ["names"], ["rows"])
    if quick is not None:
        same_tables(quick, tabulate([Part(body)], Layout(columns_from=["names"], rows_from=["rows"])))


@settings(max_examples=150, deadline=None)
@given(columns=ROWS, names=NAMES, space=st.sampled_from(["", " ", "\n "]), data=st.data())
def test_cut_lists_are_those_of_the_exact_way(
    columns: list[list[str]], names: list[str], space: str, data: st.DataObject
) -> None:
    separator = f",{space}"
    lists = separator.join(
        f"{json.dumps(name)}:[{space}{separator.join(values)}]"
        for name, values in zip(names, columns, strict=False)
    )
    body = damaged(f'{{"h":{{{lists}}},"x":1}}', data).encode()
    quick = tabulate_cut_lists(body, ["h"])
    if quick is not None:
        same_tables(quick, tabulate([Part(body)], Layout(columnar=["h"])))


def test_plain_rows_and_lists_are_cut() -> None:
    rows = [["x", 1, 0.5], ["y, z", 2, None], ["", 3, 7]]
    body = json.dumps({"n": ["a", "b", "c"], "r": [row for row in rows if row[0] != "y, z"]}).encode()
    assert tabulate_cut_rows(body, ["n"], ["r"]) is not None
    body = json.dumps({"h": {"a": ["x", "y"], "b": [1, None], "c": [True, False]}}).encode()
    quick = tabulate_cut_lists(body, ["h"])
    assert quick is not None
    assert quick.frame.rows() == [("x", 1, True), ("y", None, False)]


@settings(deadline=None)
@given(
    pieces=st.lists(st.sampled_from(["a", ",", ", ", " ", '":', '"', ":", "é", "</"])),
    separator=st.sampled_from(['":', ",", ", ", '": ', " , ", "</", ",,"]),
    size=st.integers(1, 7),
)
def test_a_body_splits_alike_whatever_parts_it_is_split_in(
    pieces: list[str], separator: str, size: int
) -> None:
    text = "".join(pieces)
    with patch.object(source_texts, "_PART_BYTES", size):
        assert source_texts.split_body(text.encode(), separator).to_list() == text.split(separator)
        assert source_texts.split_body(text.encode() + b"\xff", separator).is_empty()
