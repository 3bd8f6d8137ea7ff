"""Properties of tabulating that hold for any document."""

import contextlib
import json
from collections import Counter
from decimal import Decimal
from typing import Any, NoReturn

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.documents import DocumentError, decode_json
from flows.tabulation import Layout, Part, tabulate
from flows.tabulation.plain_records import plain_columns
from flows.tabulation.record_columns import write_columns
from flows.tabulation.record_paths import survey_records
from tests.unit.tabulating import tabulate_json

KEYS = st.sampled_from(["a", "b", "a_b", "@a", "$", "value", "", "é", "a b", 'q"', "c.d"]) | st.text(
    max_size=3
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.integers() | st.integers(-5, 5) | FLOATS
SCALARS = st.none() | st.booleans() | NUMBERS | st.sampled_from(["", "x", "1"]) | st.text(max_size=5)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=30,
)
RECORDS = st.lists(st.dictionaries(KEYS, DOCUMENTS, max_size=4), max_size=6).map(
    lambda rows: {"As": {"A": rows}}
)
PATHS = st.lists(st.lists(KEYS, min_size=1, max_size=2), max_size=2)


def leaves(value: Any) -> list[Any]:
    """All values of a document that are something: texts, numbers (as decimals), true and false."""
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    if value is None or value == "":
        return []
    return [comparable(value)]


def comparable(value: Any) -> Any:
    """Bring a value to what its text in a text column is the same as."""
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        try:
            return (
                Decimal(value) if value.isascii() and value == value.strip() and "_" not in value else value
            )
        except ArithmeticError:
            return value
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def cells(frame: pl.DataFrame) -> list[Any]:
    """All values in a frame, those in JSON texts included."""
    found: list[Any] = []
    for cell in (cell for row in frame.rows() for cell in row if cell is not None):
        found.append(comparable(cell))
        if isinstance(cell, str) and cell[:1] in ("[", "{"):
            try:
                found += leaves(json.loads(cell, parse_float=Decimal, parse_int=Decimal))
            except ValueError:
                continue
    return found


def missing(document: Any, frame: pl.DataFrame) -> list[Any]:
    held = Counter(map(repr_of, cells(frame)))
    return [leaf for leaf in leaves(document) if not held[repr_of(leaf)]]


def repr_of(value: Any) -> str:
    # decimals that are equal have one normal form, whatever the digits they were written with
    return repr(value.normalize() if isinstance(value, Decimal) and value.is_finite() else value)


@given(document=DOCUMENTS | RECORDS, indent=st.sampled_from([None, 1]))
def test_any_document_tabulates_with_every_value_or_is_refused_by_name(
    document: Any, indent: int | None
) -> None:
    body = json.dumps(document, ensure_ascii=False, indent=indent).encode()
    try:
        table = tabulate_json(body)
    except DocumentError:
        assert not isinstance(document, dict | list), "only a bare value is no table"
        return
    assert missing(document, table.frame) == []
    assert len(set(table.frame.columns)) == table.frame.width


@given(document=RECORDS, explode=PATHS)
def test_any_list_may_be_exploded_without_losing_a_value(document: Any, explode: list[list[str]]) -> None:
    body = json.dumps(document).encode()
    try:
        table = tabulate_json(body, records=["As", "A"], explode=explode)
    except DocumentError:
        first, second = sorted(explode, key=len)
        assert second[: len(first)] != first, "only lists side by side are refused"
        return
    assert missing(document, table.frame) == []


PIECES = st.sampled_from(
    [
        *[
            r"[",
            r"]",
            r"{",
            r"}",
            r",",
            r":",
            r'"a"',
            r'"',
            r"\u",
            r"\ud800",
            r"1",
            r"-",
            r".",
            r"1e999",
            r"NaN",
            r"tru",
        ],
        " ",
    ]
)


def refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


@given(st.binary(max_size=40) | st.lists(PIECES, max_size=25).map(lambda pieces: "".join(pieces).encode()))
def test_any_bytes_tabulate_or_are_refused_by_name(body: bytes) -> None:
    try:
        json.loads(body.decode("utf-8-sig").strip() or "null", parse_constant=refuse)
    except ValueError:
        with pytest.raises(DocumentError) as caught:
            tabulate_json(body)
        assert str(caught.value).isprintable()
        return
    with contextlib.suppress(DocumentError):
        tabulate_json(body)


LEAVES = {
    "text": st.text(max_size=6),
    "integer": st.integers(-(2**64), 2**64) | st.integers(-3, 3),
    "number": st.integers(-3, 3) | st.integers(2**53 - 2, 2**53 + 2) | FLOATS,
    "short": st.integers(-3, 3) | st.floats(-100, 100).map(lambda value: round(value, 2) or 0.0),
    "flag": st.booleans(),
    "maybe": st.none() | st.text(max_size=3),
    "perhaps": st.none() | st.integers(0, 9),
    "never": st.none(),
}  # fmt: skip
SHAPES = st.recursive(
    st.sampled_from(sorted(LEAVES)),
    lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=3),
    max_leaves=8,
)


def values_of(shape: Any) -> st.SearchStrategy[Any]:
    if isinstance(shape, dict):
        return st.fixed_dictionaries({key: values_of(inner) for key, inner in shape.items()})
    return LEAVES[shape]


UNIFORM = st.dictionaries(KEYS, SHAPES, min_size=1, max_size=4).flatmap(
    lambda shape: st.lists(values_of(shape), min_size=1, max_size=8)
)


ELEMENT = st.fixed_dictionaries({"a": SCALARS, "$": SCALARS})
FLAT = st.dictionaries(KEYS, SCALARS | ELEMENT | st.lists(SCALARS, max_size=1), max_size=4)
ALIKE = st.fixed_dictionaries({"p": st.fixed_dictionaries({"@x": SCALARS})}, optional={"q": SCALARS})


@given(records=st.lists(ALIKE, max_size=5) | st.lists(FLAT, max_size=5))
def test_flat_records_taken_column_by_column_are_those_written_row_by_row(records: list[Any]) -> None:
    decoded: Any = decode_json(json.dumps(records).encode())
    plain = plain_columns(decoded or [])
    if plain is None:
        return
    columns, heights = write_columns(survey_records([decoded], ()), [decoded])
    assert heights == [len(records)]
    assert [(column.path, column.values) for column in plain] == [
        (column.path, column.values) for column in columns
    ]


@given(records=st.lists(ALIKE, min_size=1, max_size=5))
def test_records_that_lack_keys_can_be_taken_column_by_column(records: list[Any]) -> None:
    assert plain_columns(decode_json(json.dumps(records).encode())) is not None  # type: ignore[arg-type]


DECIMALS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"\A-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?\Z"),
)


@given(written=st.lists(DECIMALS, min_size=1, max_size=5), filler=st.sampled_from([0, 4000]))
def test_any_number_keeps_its_value(written: list[str], filler: int) -> None:
    body = "[" + ",".join(f'{{"n": {text}}}' for text in written + ["0.5"] * filler) + "]"
    found = tabulate([Part(body.encode())], Layout()).frame["n"].to_list()[: len(written)]
    for text, value in zip(written, found, strict=True):
        assert Decimal(repr(value) if isinstance(value, float) else value) == Decimal(text)
    cells = "\n".join(["n", *written, ""]).encode()
    typed = tabulate([Part(cells)], Layout("csv")).typed()["n"].to_list()
    for text, value in zip(written, typed, strict=True):
        assert Decimal(repr(value) if isinstance(value, float) else value) == Decimal(text)
