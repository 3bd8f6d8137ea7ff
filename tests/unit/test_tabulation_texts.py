"""Texts that are easily misread: labels beside a column of their name, other delimiters, identifiers."""

from __future__ import annotations

import pytest

from flows.documents import DocumentError
from flows.tabulation import Layout, Part, Table, tabulate


def csv_table(body: str) -> Table:
    return tabulate([Part(body.encode())], Layout("csv"))


def labelled(*bodies: tuple[str, str]) -> Table:
    return tabulate([Part(body.encode(), (("zone", label),)) for label, body in bodies], Layout())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('[{"zone": null, "mw": 5}]', '[{"zone": null, "mw": 7}]'),
        ('[{"zone": "A", "mw": 5}]', '[{"zone": "", "mw": 7}]'),
        ('[{"Zone": "US", "mw": 5}]', '[{"Zone": "US", "mw": 7}]'),
    ],
    ids=["empty", "empty in one", "another value"],
)
def test_a_label_is_kept_where_a_column_of_its_name_does_not_hold_it(first: str, second: str) -> None:
    table = labelled(("A", first), ("B", second))
    assert table.frame.columns[0] == "zone_2"
    assert table.frame["zone_2"].to_list() == ["A", "B"]
    assert [finding.code for finding in table.findings] == ["label-renamed"]
    assert "'zone_2'" in table.findings[0].message


def test_a_label_gives_way_to_a_column_that_holds_it() -> None:
    table = labelled(("4001", '[{"Zone": 4001}]'), ("4002", '[{"Zone": 4002}]'))
    assert table.frame.to_dict(as_series=False) == {"Zone": [4001, 4002]}
    assert table.findings == ()


def test_a_label_that_is_kept_takes_a_free_name() -> None:
    table = labelled(("A", '[{"zone": null, "ZONE_2": 1}]'))
    assert table.frame.columns == ["zone_3", "zone", "ZONE_2"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("Zeit;MW\n1;2\n", "';'"),
        ("time\tmw\n1\t2\n", "a tab"),
        ("time|mw\n1|2\n", "'|'"),
        ("Zeit;Preis (EUR, MWh);Ort\n1;6,4;A\n", "';'"),
    ],
)
def test_another_delimiter_is_named(body: str, name: str) -> None:
    (finding,) = csv_table(body).findings
    assert finding.code == "csv-delimiter"
    assert f"the header holds {name}, which may be the delimiter" in finding.message
    with pytest.raises(DocumentError) as raised:
        csv_table(body + "1,2,3,4\n")
    assert f"the header holds {name}" in str(raised.value)


@pytest.mark.parametrize("body", ["a\n1\n", "a; b,c\n1,2\n", 'a,"b;\tc",d\n1,2,3\n'])
def test_commas_are_no_finding(body: str) -> None:
    assert csv_table(body).findings == ()


@pytest.mark.parametrize("others", [[], ["100"], ["5.5"], ["1.5E3"]])
def test_an_exponent_alone_makes_no_number(others: list[str]) -> None:
    cells = ["1E2", "2e3", *others]
    assert csv_table("\n".join(["plant", *cells, ""])).typed()["plant"].to_list() == cells


@pytest.mark.parametrize(
    ("text", "number"), [("1.0E2", 100.0), ("-2.5e3", -2500.0), ("1e+02", 100.0), ("1E-05", 1e-05)]
)
def test_exponents_as_programs_write_them_are_of_numbers(text: str, number: float) -> None:
    assert csv_table(f"n\n{text}\n").typed()["n"].to_list() == [number]
