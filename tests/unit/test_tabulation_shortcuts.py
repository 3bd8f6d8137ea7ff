"""The shortcuts give what the general way gives, damaged or not; a decoded document takes none of them.

Without deadlines: on busy cores the threads of polars wait for each other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.documents import DocumentError
from flows.object_store import csv_bytes
from flows.tabulation import Layout, Part, Table, tabulate
from flows.tabulation.plain_csv import read_plain_csv
from flows.tabulation.typed_records import typed_records
from tests.unit.tabulating import tabulate_decoded
from tests.unit.test_tabulation_properties import KEYS, UNIFORM

STYLES = st.sampled_from([(None, (",", ":")), (None, (", ", ": ")), (1, (",", ": "))])
JSON_PIECES = [
    '"', "\\", ",", ":", '":', '","', "{", "}", "},{", "[", "]", "0", "-", "-0", ".", "+", "1e2", "e", " ",
    "\n", "\t", "\x00", "null", "true", "nul", '"a":1,', ',"a":1', '"x"', "00", "\\u0061", "\\ud800",
    "\ufeff", "é", "_",
]  # fmt: skip
CSV_PIECES = [
    ",", "\n", "\n\n", "\r\n", "\r", '"', '""', "\x00", "\ufeff", "\u2028", "\x0b", "\x1c", "\u00a0<", "<",
    "{", " ",
]  # fmt: skip


def assert_same(bodies: Sequence[bytes], layout: Layout) -> None:
    """Tables, or messages of errors, are equal whether the responses are decoded already or not."""

    def outcome(decoded: bool) -> Any:
        try:
            parts = [Part(body) for body in bodies]
            table = tabulate_decoded(bodies, layout) if decoded else tabulate(parts, layout)
        except DocumentError as error:
            return str(error)
        return table.frame.schema, csv_bytes(table.frame), *about(table)

    assert outcome(decoded=False) == outcome(decoded=True)


def about(table: Table) -> tuple[object, ...]:
    # repr tells 0.0 from -0.0
    return repr(table.frame.rows()), table.records_at, table.findings, table.is_all_text


def damaged(text: str, data: st.DataObject, pieces: list[str]) -> str:
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(pieces)) + text[at + data.draw(st.integers(0, 3)) :]
    return text


@settings(max_examples=200, deadline=None)
@given(
    records=UNIFORM, wrappers=st.lists(KEYS, max_size=2), escape=st.booleans(), style=STYLES, data=st.data()
)
def test_typed_records_are_those_of_the_general_way(
    records: Any, wrappers: list[str], escape: bool, style: Any, data: st.DataObject
) -> None:
    pages = [records, data.draw(UNIFORM)] if data.draw(st.booleans()) else [records]
    bodies = []
    for page in pages:
        document: Any = page
        for key in wrappers:
            document = {key: document}
        text = json.dumps(document, ensure_ascii=escape, indent=style[0], separators=style[1])
        bodies.append(damaged(text, data, JSON_PIECES).encode())
    assert_same(bodies, Layout())


@pytest.mark.parametrize("first", ["0.5", "5", '"5"', "true", "null"])
@pytest.mark.parametrize(
    "last",
    [
        '{"a":1,"a":1,"t":"x"}', '{"a":1,"t":"x","t":"x"}', '{"a":1,"t":"x","t" :"x"}', '{"t":"x","a":1}',
        '{"a":1}', '{"a":1,"t":"x","b":1}', '{"a":-0,"t":"x"}', '{"a":-0.0,"t":"x"}', '{"a":1.,"t":"x"}',
        '{"a":.5,"t":"x"}', '{"a":01,"t":"x"}', '{"a":NaN,"t":"x"}', '{"a":1,"t":"x\ny"}',
        '{"a":1,"t":"\\ud800"}', '{"a":1,"t":"\\""}', '{"a":1,"t":"x","y"}', '{"a":[1],"t":"x"}',
        '{"a":1,"t":{}}', '{"a":,"t":"x"}', '{"a":null,"t":null}', '{"a":9007199254740993,"t":"x"}',
        '{"a":9223372036854775808,"t":"x"}', '{"a":12.50,"t":"x"}', '{"a":0.12345678901234567,"t":"x"}',
        '{"a":249.50000000000000001,"t":"x"}', '{"a":1e400,"t":"x"}', '{"a":1e-400,"t":"x"}',
        '{"a":1.5E-310,"t":"x"}', '{"a":1e5,"t":"x"}', '{"a":false,"t":""}', '{"a":1,"t":"x"},',
        '{"a":1,"t":"x"}]}{', '{"a":1,"t":"x"},null', '{"a":1,"t":"x"}],"b":[{}',
        '{"a":1,"t":"x"}],"w":[{"a":1,"t":"x"}',
    ],
)  # fmt: skip
def test_one_record_unlike_the_others_gives_what_the_general_way_gives(first: str, last: str) -> None:
    assert_same([('{"w":[' + f'{{"a":{first},"t":"x"}},' * 300 + last + "]}").encode()], Layout())


LOCATED = st.fixed_dictionaries(
    {
        "L": st.tuples(st.text("0é"), st.text("xé")).map(lambda pair: {"@i": pair[0], "$": pair[1]}),
        "n": st.floats(-100, 100).map(lambda value: round(value, 2)),
    }
)


@given(records=st.lists(LOCATED, min_size=1))
def test_records_of_the_isos_kind_take_the_shortcut(records: list[dict[str, Any]]) -> None:
    body = json.dumps({"As": {"A": records}}, ensure_ascii=False).encode()
    typed = typed_records([body], ["As", "A"])
    assert typed is not None
    assert typed.table.frame.rows(named=True) == [
        {"L_i": record["L"]["@i"], "L": record["L"]["$"], "n": record["n"]} for record in records
    ]


def test_names_that_collide_are_a_finding_by_the_shortcut_too() -> None:
    body = json.dumps([{"n_a": 1.5, "n": {"a": 1}}]).encode()
    assert typed_records([body], None) is not None
    assert tabulate([Part(body)], Layout()).frame.columns == ["n_a", "n_a_2"]
    assert_same([body], Layout())


NAMES = st.lists(st.sampled_from(["a", "b", "a_2", "@a", "$", "", "é"]), min_size=1, max_size=4)
CELLS = st.sampled_from(["", "1", "x", "é y", " ", "007", "2024-06-01T00:00:00-04:00"]) | st.text(
    st.characters(exclude_characters='",\r\n', codec="utf-8"), max_size=4
)


@settings(max_examples=200, deadline=None)
@given(
    headers=st.lists(NAMES, min_size=1, max_size=2), data=st.data(), end=st.sampled_from(["\n", "\r\n"]),
    skipped=st.lists(CELLS, max_size=2), begin=st.sampled_from(["", "\ufeff"]),
)  # fmt: skip
def test_csv_that_polars_reads_is_what_the_csv_reader_gives(
    headers: list[list[str]], data: st.DataObject, end: str, skipped: list[str], begin: str
) -> None:
    bodies = []
    for names in headers:
        row = st.lists(CELLS, min_size=len(names), max_size=len(names))
        lines = [*skipped, *(",".join(cells) for cells in [names, *data.draw(st.lists(row, max_size=5))])]
        text = begin + end.join(lines) + data.draw(st.sampled_from(["", end]))
        bodies.append(damaged(text, data, CSV_PIECES).encode())
    assert_same(bodies, Layout("csv", skip_rows=len(skipped)))


@pytest.mark.parametrize("body", [b"a,b\n1,2\n", b"a,b\r\n1,2\r\n3,", b"\xef\xbb\xbfa,b\n,\n", b"a,a\n1,2\n"])
def test_plain_csv_takes_the_shortcut(body: bytes) -> None:
    assert read_plain_csv(body, 0) is not None
    assert_same([body], Layout("csv"))


@pytest.mark.parametrize(
    "body",
    [
        b"a,b\n1,2\n\n3,4", b"a,b\n1\n2,3,4", b"a,b,\n1,2,\n", b'a,b\n"1",2', b"a,b\n1,2\r3", b"a,b\n", b"",
        b"a,b\n1,\xff\n", b"\xff,b\n1,2\n", b"<a,b\n1,2\n", b"\n\na,b\n1,2", b"a,b\n1,2\x00\n",
        b"\xc2\xa0{a,b\n1,2\n", b"a,b", b"a\n\xef\xbb\xbf1\n",
    ],
)  # fmt: skip
def test_other_csv_is_left_to_the_csv_reader(body: bytes) -> None:
    assert read_plain_csv(body, 0) is None
    assert_same([body], Layout("csv"))
