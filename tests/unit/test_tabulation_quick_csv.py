"""CSV that is cut into columns: the table is that of the reader for any CSV, damaged or not.

Without deadlines: on busy cores the threads of polars wait for each other.
"""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.documents import DocumentError
from flows.tabulation import Layout, Part, Table, cut_csv, payload_tabulation, tabulate
from tests.unit.test_tabulation_quick_ways import same_tables

CELLS = st.sampled_from(["", "1", "x", "é y", " ", "007", "2024-06-01T00:00:00-04:00"]) | st.text(
    st.characters(exclude_characters='",\r\n', codec="utf-8"), max_size=4
)
NAMES = st.lists(st.sampled_from(["a", "b", "a_2", "@a", "$", "", "é"]), min_size=1, max_size=4)
DAMAGE = st.sampled_from(
    [
        ",",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        '"',
        '""',
        "\x00",
        "\ufeff",
        "\u2028",
        "\x0b",
        "\x1c",
        "\u00a0<",
        "<",
        "{",
        " ",
    ]
)


def by(least_bytes: int, bodies: list[bytes], skip_rows: int) -> Table | str:
    """The table, or how it is refused; quickly where there are enough bytes."""
    with (
        patch.object(payload_tabulation, "UNIFORM_MIN_BYTES", least_bytes),
        patch.object(cut_csv, "_MIN_ROWS", 1),
    ):
        try:
            return tabulate([Part(body) for body in bodies], Layout("csv", skip_rows=skip_rows))
        except DocumentError as error:
            return str(error)


def assert_same(bodies: list[bytes], skip_rows: int) -> None:
    quick, exact = by(0, bodies, skip_rows), by(10**9, bodies, skip_rows)
    if isinstance(quick, Table) and isinstance(exact, Table):
        assert same_tables(quick, exact)
        assert quick.is_all_text == exact.is_all_text
    else:
        assert quick == exact


def rows_of(names: list[str]) -> st.SearchStrategy[list[list[str]]]:
    return st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), max_size=5)


@settings(max_examples=150, deadline=None)
@given(
    names=NAMES, data=st.data(), end=st.sampled_from(["\n", "\r\n"]), skipped=st.lists(CELLS, max_size=2),
    begin=st.sampled_from(["", "\ufeff"]),
)  # fmt: skip
def test_cut_csv_is_what_the_reader_gives(
    names: list[str], data: st.DataObject, end: str, skipped: list[str], begin: str
) -> None:
    lines = [*skipped, *(",".join(row) for row in [names, *data.draw(rows_of(names))])]
    text = begin + end.join(lines) + data.draw(st.sampled_from(["", end]))
    assert_same([text.encode()], len(skipped))
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(DAMAGE) + text[at + data.draw(st.integers(0, 2)) :]
    assert_same([text.encode()], len(skipped))


@settings(deadline=None)
@given(names=NAMES, others=NAMES, data=st.data())
def test_several_files_come_as_if_read_one_after_the_other(
    names: list[str], others: list[str], data: st.DataObject
) -> None:
    second = data.draw(st.sampled_from([names, others]))
    bodies = [
        "\n".join(",".join(row) for row in [header, *data.draw(rows_of(header))]).encode()
        for header in (names, second)
    ]
    assert_same(bodies, 0)


@pytest.mark.parametrize("body", [b"a,b\n1,2\n", b"a,b\r\n1,2\r\n3,", b"\xef\xbb\xbfa,b\n,\n", b"a,a\n1,2\n"])
def test_plain_csv_is_cut(body: bytes) -> None:
    with patch.object(cut_csv, "_MIN_ROWS", 1):
        assert cut_csv.tabulate_cut_csv(body, 0, "rows of the file") is not None
    assert_same([body], 0)


@pytest.mark.parametrize(
    "body",
    [
        b"a,b\n1,2\n\n3,4", b"a,b\n1\n2,3,4", b"a,b,\n1,2,\n", b'a,b\n"1",2', b"a,b\n1,2\r3", b"a,b\n", b"",
        b"a,b\n1,\xff\n", b"\xff,b\n1,2\n", b"<a,b\n1,2\n", b"\n\na,b\n1,2", b"a,b\n1,2\x00\n",
        b"\xc2\xa0{a,b\n1,2\n", b"a,b",
    ],
)  # fmt: skip
def test_other_csv_is_left_to_the_reader(body: bytes) -> None:
    with patch.object(cut_csv, "_MIN_ROWS", 1):
        assert cut_csv.tabulate_cut_csv(body, 0, "rows of the file") is None
    assert_same([body], 0)
