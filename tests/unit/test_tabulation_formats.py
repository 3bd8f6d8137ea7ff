"""CSV, XML, archives, columnar JSON, and several payloads of one API: one table, nothing lost."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.documents import DocumentError, decode_xml
from flows.object_store import csv_bytes
from flows.tabulation import Layout, Part, Table, tabulate


def table_of(body: bytes | str, **layout: Any) -> Table:
    return tabulate([Part(body.encode() if isinstance(body, str) else body)], Layout(**layout))


def columns_of(body: bytes | str, **layout: Any) -> dict[str, list[Any]]:
    return table_of(body, **layout).frame.to_dict(as_series=False)


def refusal_of(body: bytes | str, **layout: Any) -> str:
    with pytest.raises(DocumentError) as raised:
        table_of(body, **layout)
    return str(raised.value)


def zipped(**members: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in members.items():
            file.writestr(name.replace("__", "/").replace("_", "."), body)
    return archive.getvalue()


@pytest.mark.parametrize(
    ("layout", "body", "said"),
    [
        ({"records": ["response", "dta"]}, '{"response": {"total": 2, "data": [1, 2]}}', "total, data"),
        ({"records": ["a"], "format": "xml"}, "<b><c>1</c><d>2</d></b>", "it has: b"),
        ({"columnar": ["hourl"]}, '{"latitude": 1, "hourly": {"time": ["1"]}}', "latitude, hourly"),
        ({"columns_from": ["f"], "rows_from": ["dat"]}, '{"f": ["x"], "data": [[1]]}', "f, data"),
    ],
    ids=["records", "xml", "columnar", "rows_from"],
)
def test_a_path_to_nothing_is_told_with_what_is_there(layout: dict[str, Any], body: str, said: str) -> None:
    table = table_of(body, **layout)
    assert table.frame.height == 0
    (finding,) = table.findings
    assert finding.code == "path-not-found"
    assert said in finding.message


@pytest.mark.parametrize("body", ["", '""', "{}", '{"a": ""}', '{"a": {"b": []}}', '{"a": null}', "[]"])
def test_rows_that_are_not_there_are_no_finding(body: str) -> None:
    assert table_of(body, records=["a", "b"]).findings == ()


class TestCsv:
    def test_cells_are_the_sources_text_and_an_empty_cell_is_null(self) -> None:
        body = 'Time Stamp,PTID,LBMP\n01/01/2024 00:00,007,12.50\n"01/01/2024, late",,"-1e3"\n'
        table = table_of(body, format="csv")
        assert table.frame.to_dict(as_series=False) == {
            "Time Stamp": ["01/01/2024 00:00", "01/01/2024, late"],
            "PTID": ["007", None],
            "LBMP": ["12.50", "-1e3"],
        }
        assert csv_bytes(table.frame).decode() == body.replace('"-1e3"', "-1e3")

    @pytest.mark.parametrize(
        "cells", [["12345678901234.567"], ["9007199254740993", "0.5"], ["4.9e-324"], ["1e-310", "1e400"]]
    )
    def test_a_number_that_a_double_would_change_stays_text(self, cells: list[str]) -> None:
        typed = table_of("\n".join(["n", *cells, ""]), format="csv").typed()
        assert typed["n"].to_list() == cells

    @pytest.mark.parametrize("body", ['[{"error": "quota"}]', '[\n  "a"]', '{"a": 1}'])
    def test_json_is_no_csv(self, body: str) -> None:
        assert "JSON where CSV was expected" in refusal_of(body, format="csv")

    def test_numbers_are_numbers_where_types_are_kept(self) -> None:
        body = "id,count,price,code,big,mixed,none\n1,-5,12.50,007,9223372036854775808,1,\n2,0,-0.25,1,1,x,\n"
        typed = table_of(body, format="csv").typed()
        assert typed.schema == {
            "id": pl.Int64, "count": pl.Int64, "price": pl.Float64, "code": pl.String,
            "big": pl.String, "mixed": pl.String, "none": pl.String,
        }  # fmt: skip
        assert typed["price"].to_list() == [12.5, -0.25]

    @pytest.mark.parametrize(
        "text", ["1.2345678901234567890", "1e999", "1_0", "+1", "0x1", " 1", "1.", "NaN"]
    )
    def test_what_a_number_would_not_hold_exactly_stays_text(self, text: str) -> None:
        assert table_of(f"a\n1.5\n{text}\n", format="csv").typed()["a"].to_list() == ["1.5", text]

    def test_lines_before_the_header_are_skipped_and_line_ends_and_a_mark_do_not_matter(self) -> None:
        body = b'\xef\xbb\xbfReport, of today\r\n"not closed\r\na,b\r\n1,"x\r\ny"\r\n\r\n2,z'
        assert columns_of(body, format="csv", skip_rows=2) == {"a": ["1", "2"], "b": ["x\r\ny", "z"]}

    def test_names_that_repeat_or_are_missing_or_mean_something_in_xml(self) -> None:
        table = table_of("a,a,,@x,$\n1,2,3,4,5\n", format="csv")
        assert table.frame.columns == ["a", "a_2", "column_3", "@x", "$"]
        assert [finding.code for finding in table.findings] == ["column-name-collision"]

    def test_a_comma_at_the_end_of_each_line_makes_no_column(self) -> None:
        assert columns_of("a,b,\n1,2,\n", format="csv") == {"a": ["1"], "b": ["2"]}
        assert columns_of("a,b,\n1,2,3\n", format="csv") == {"a": ["1"], "b": ["2"], "column_3": ["3"]}

    @pytest.mark.parametrize("body", ["", " \n", "a,b", "a,b\n"])
    def test_no_rows(self, body: str) -> None:
        assert columns_of(body, format="csv") == {}

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("a,b\n1,2\n1\n", "line 3 has 1 cells where the header has 2"),
            ("a,b\n1,2,3\n", "line 2 has 3 cells"),
            ('a\n"b', "invalid CSV at line 2"),
            ("<!DOCTYPE html><html>", "HTML where CSV was expected"),
            ('<?xml version="1.0"?><a/>', "XML where CSV was expected"),
            ('{"error": 1}', "JSON where CSV was expected"),
            (b"a\n\xff\n", "invalid UTF-8 at byte 2"),
        ],
    )
    def test_what_is_no_csv_is_refused_with_its_place(self, body: bytes | str, said: str) -> None:
        assert said in refusal_of(body, format="csv")

    @given(
        st.lists(
            st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=2, max_size=2),
            max_size=5,
        )
    )
    def test_any_table_comes_back(self, rows: list[list[str]]) -> None:
        frame = pl.DataFrame(
            [pl.Series(name, [row[index] or None for row in rows], dtype=pl.String)
             for index, name in enumerate(["first", "second"])]
        )  # fmt: skip
        found = table_of(csv_bytes(frame), format="csv").frame
        # a row of empty cells alone is still a row; without rows there are no columns
        assert found.rows() == frame.rows()


class TestXml:
    BODY = """<?xml version="1.0" encoding="UTF-8"?>
    <!-- a comment --><p:HourlyLmps xmlns:p="urn:p" xmlns:q="urn:q" xmlns="urn:d">
      <HourlyLmp><BeginDate>2024-11-03T01:00:00.000-04:00</BeginDate>
        <Location LocId="4000" q:LocType="HUB">.H.INTERNAL  HUB</Location>
        <LmpTotal>12.50</LmpTotal></HourlyLmp>
      <HourlyLmp><BeginDate>2024-11-03T01:00:00.000-05:00</BeginDate>
        <Location LocId="4001"><![CDATA[<x> & y]]></Location><LmpTotal>7</LmpTotal><Note/></HourlyLmp>
    </p:HourlyLmps>"""

    @pytest.mark.parametrize("body", ["<Rs>\n  </Rs>", "<A>\n <Rs>\r\n </Rs>\n</A>", "<Rs></Rs>", "<Rs/>"])
    @pytest.mark.parametrize("records", [None, ["A", "Rs", "R"], ["Rs", "R"]])
    def test_an_element_that_holds_nothing_is_no_row(self, body: str, records: list[str] | None) -> None:
        assert table_of(body, format="xml", records=records).frame.height == 0

    def test_an_indented_element_that_holds_nothing_is_an_empty_list(self) -> None:
        body = "<Rs><R><D>1</D><Is>\n </Is></R><R><D>2</D><Is><I><n>1</n></I><I><n>2</n></I></Is></R></Rs>"
        assert columns_of(body, format="xml") == {"D": ["1", "2", "2"], "Is_I_n": [None, "1", "2"]}

    def test_white_space_in_a_line_is_a_text(self) -> None:
        assert columns_of("<Rs><R><a> </a><b>1</b></R></Rs>", format="xml") == {"a": [" "], "b": ["1"]}

    def test_the_isos_rules_hold_without_namespaces(self) -> None:
        table = table_of(self.BODY, format="xml")
        assert table.records_at == "HourlyLmps > HourlyLmp"
        assert table.frame.to_dict(as_series=False) == {
            "BeginDate": ["2024-11-03T01:00:00.000-04:00", "2024-11-03T01:00:00.000-05:00"],
            "Location_LocId": ["4000", "4001"],
            "Location_LocType": ["HUB", None],
            "Location": [".H.INTERNAL  HUB", "<x> & y"],
            "LmpTotal": ["12.50", "7"],
            "Note": [None, ""],
        }
        assert table.typed().schema["LmpTotal"] == pl.Float64

    def test_periods_and_points_are_exploded_along_one_line(self) -> None:
        point = "<Point><position>{}</position><price.amount>{}</price.amount></Point>"
        period = (
            "<Period><resolution>{}</resolution>" + point.format(1, 5.1) + point.format(2, 6) + "</Period>"
        )
        series = f"<TimeSeries><mRID>1</mRID>{period.format('PT60M')}{period.format('PT15M')}</TimeSeries>"
        layout = {"records": ["Doc", "TimeSeries"], "explode": [["Period"], ["Period", "Point"]]}
        body = f'<Doc xmlns="urn:x"><type>A44</type>{series}</Doc>'
        assert columns_of(body, format="xml", **layout) == {
            "mRID": ["1"] * 4,
            "Period_resolution": ["PT60M", "PT60M", "PT15M", "PT15M"],
            "Period_Point_position": ["1", "2"] * 2,
            "Period_Point_price.amount": ["5.1", "6"] * 2,
        }

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "cp1252"])
    def test_the_encoding_it_declares_holds(self, encoding: str) -> None:
        body = f'<?xml version="1.0" encoding="{encoding}"?><a><b>é</b></a>'.encode(encoding)
        assert columns_of(body, format="xml") == {"b": ["é"]}

    def test_siblings_need_not_stand_together_and_text_beside_elements_is_kept(self) -> None:
        assert decode_xml(b"<a x='1'>one<b>2</b><c/>two<b>3</b></a>") == {
            "a": {"@x": "1", "b": ["2", "3"], "c": "", "$": "onetwo"}
        }

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("<a><b></a>", "invalid XML at line 1 column"),
            ("<a>", "no element found"),
            ('{"a": 1}', "JSON where XML was expected"),
            ("nothing here", "text where XML was expected"),
            ("<!DOCTYPE html><html></html>", "HTML where XML was expected"),
            ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type definition"),
            ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type definition"),
            ("<a>" * 101 + "</a>" * 101, "nested deeper than 100 levels"),
            ('<?xml version="1.0" encoding="klingon"?><a/>', "encoding"),
        ],
    )
    def test_what_is_no_safe_xml_is_refused(self, body: str, said: str) -> None:
        assert said in refusal_of(body, format="xml")


class TestArchives:
    def test_all_documents_become_one_table(self) -> None:
        body = zipped(a__1_csv=b"t,v\n1,2\n", readme_txt=b"hello", a__2_CSV=b"t,w,v\n3,4,5\n")
        assert columns_of(body, format="zip") == {"t": ["1", "3"], "v": ["2", "5"], "w": [None, "4"]}

    def test_what_a_mac_packs_beside_the_files_is_left_out(self) -> None:
        body = zipped(a_csv=b"t\n1\n")
        with zipfile.ZipFile(packed := io.BytesIO(body), "a") as archive:
            archive.writestr("__MACOSX/._a.csv", b"\x00\x05\x16\x07\xff")
        assert columns_of(packed.getvalue(), format="zip") == {"t": ["1"]}

    def test_xml_in_an_archive(self) -> None:
        body = zipped(a_xml=b"<r><n>1</n><m>2</m></r>")
        assert columns_of(body, format="zip", records=["r"]) == {"n": ["1"], "m": ["2"]}

    def test_an_empty_body_is_no_rows(self) -> None:
        assert columns_of(b"", format="zip") == {}

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"<html>", "not a sound ZIP archive"),
            (zipped(a_csv=b"a\n1\n")[:-30], "not a sound ZIP archive"),
            (zipped(a_txt=b"a"), "holds no .csv, .xml or .json document, but a.txt"),
            (zipped(a_csv=b"a\n1\n", b_xml=b"<a/>"), "unlike formats: csv, xml"),
            (zipped(a_csv=b"a\n" + b"1\n" * 1_000_000), "unpacks to more than 1 MB"),
            (zipped(a_csv=b"ab\n").replace(zlib.crc32(b"ab\n").to_bytes(4, "little"), b"oops"), "CRC"),
        ],
        ids=["html", "cut", "nothing in it", "unlike", "bomb", "checksum"],
    )
    def test_what_is_no_sound_archive_is_refused(self, body: bytes, said: str) -> None:
        assert said in refusal_of(body, format="zip", max_bytes=1_000_000)

    def test_an_encrypted_document_is_refused(self) -> None:
        body = bytearray(zipped(a_csv=b"a\n1\n"))
        central = body.index(b"PK\x01\x02")
        body[central + 8] |= 1
        assert "a.csv of the ZIP archive is encrypted" in refusal_of(bytes(body), format="zip")


HEADER_AND_ROWS = {"columns_from": ["fields"], "rows_from": ["data"]}


class TestHeaderAndRows:
    @pytest.mark.parametrize("fields", [["d", "h"], [{"name": "d", "type": "DATE"}, {"name": "h"}]])
    def test_names_and_rows_become_a_typed_table(self, fields: list[Any]) -> None:
        body = json.dumps({"_meta": {}, "fields": fields, "data": [["2024-01-01", 1], ["2024-01-02", 2.5]]})
        assert columns_of(body, **HEADER_AND_ROWS) == {"d": ["2024-01-01", "2024-01-02"], "h": [1.0, 2.5]}

    @pytest.mark.parametrize(
        "body", ['{"fields": ["a"], "data": []}', '{"fields": []}', "{}", "", '{"data": ""}']
    )
    def test_no_rows(self, body: str) -> None:
        assert columns_of(body, **HEADER_AND_ROWS) == {}

    @pytest.mark.parametrize(
        ("document", "said"),
        [
            (
                {"fields": ["a", "b"], "data": [[1, 2], [1]]},
                "at data > [1] has 1 cells where there are 2",
            ),
            ({"fields": ["a"], "data": [{"a": 1}]}, "is not a list"),
            ({"data": [[1]]}, "no names at fields"),
            ({"fields": [{"label": "a"}], "data": [[1]]}, "a column without a name"),
        ],
    )
    def test_rows_that_do_not_fit_are_refused(self, document: Any, said: str) -> None:
        assert said in refusal_of(json.dumps(document), **HEADER_AND_ROWS)

    def test_nested_cells_and_repeated_names_are_kept(self) -> None:
        body = '{"fields": ["a", "a"], "data": [[{"x": 1.50}, null], [[1], true]]}'
        assert columns_of(body, **HEADER_AND_ROWS) == {"a": ['{"x":1.50}', "[1]"], "a_2": [None, True]}


class TestColumnar:
    def test_lists_side_by_side_are_columns_and_a_single_value_stands_on_every_row(self) -> None:
        body = json.dumps(
            {"hourly_units": {"time": "iso8601"}, "hourly": {"time": ["a", "b"], "t": [1, None], "unit": "C"}}
        )
        assert columns_of(body, columnar=["hourly"]) == {
            "time": ["a", "b"],
            "t": [1, None],
            "unit": ["C", "C"],
        }

    @pytest.mark.parametrize("document", [{}, {"hourly": {}}, {"hourly": None}, {"hourly": {"time": []}}])
    def test_no_rows(self, document: Any) -> None:
        assert columns_of(json.dumps(document), columnar=["hourly"]) == {}

    @pytest.mark.parametrize(
        ("document", "said"),
        [
            ({"hourly": {"time": [1, 2], "t": [1]}}, "not equally long: time 2, t 1"),
            ({"hourly": {"time": 1}}, "holds no lists"),
            ({"hourly": [1, 2]}, "no object of lists"),
            ({"hourly": 5}, "no object of lists"),
        ],
    )
    def test_what_is_not_columnar_is_refused(self, document: Any, said: str) -> None:
        assert said in refusal_of(json.dumps(document), columnar=["hourly"])


RECORD = st.fixed_dictionaries(
    {
        "a": st.one_of(
            st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False), st.none()
        )
    },
    optional={
        "b": st.one_of(st.text(max_size=3), st.booleans()),
        "c": st.lists(st.fixed_dictionaries({"d": st.integers(0, 9)}), max_size=2),
    },
)


class TestSeveralParts:
    @given(records=st.lists(RECORD, max_size=8), cut=st.integers(0, 8))
    def test_pages_make_the_table_that_one_page_would_make(self, records: list[Any], cut: int) -> None:
        whole = table_of(json.dumps({"data": records}), records=["data"])
        pages = [Part(json.dumps({"data": page}).encode()) for page in (records[:cut], records[cut:])]
        parts = tabulate(pages, Layout(records=["data"]))
        assert parts.frame.equals(whole.frame)
        assert parts.frame.schema == whole.frame.schema

    @pytest.mark.parametrize("last", [0.5, 2**53 + 1, None, "x", 7], ids=str)
    def test_large_pages_alike_make_the_same_table_as_one(self, last: Any) -> None:
        records = [{"n": number, "t": f"{number:09}"} for number in range(4000)]
        records[-1] = {"n": last, "t": "last"}
        whole = table_of(json.dumps({"d": records}))
        pages = [Part(json.dumps({"d": records[start : start + 2000]}).encode()) for start in (0, 2000)]
        parts = tabulate(pages, Layout())
        assert parts.frame.equals(whole.frame)
        assert parts.frame.schema == whole.frame.schema

    def test_labels_stand_in_front_unless_a_column_has_their_name(self) -> None:
        parts = [
            Part(b'{"r": [{"Zone": 1}, {"Zone": 2}]}', (("zone", "x"), ("place", "4001"))),
            Part(b'{"r": ""}', (("zone", "x"), ("place", "4002"))),
            Part(b'{"r": {"Zone": 3, "q": "y"}}', (("zone", "x"), ("place", "4003"))),
        ]
        assert tabulate(parts, Layout()).frame.to_dict(as_series=False) == {
            "place": ["4001", "4001", "4003"],
            "Zone": [1, 2, 3],
            "q": [None, None, "y"],
        }

    def test_labels_repeat_on_the_rows_of_exploded_lists(self) -> None:
        parts = [
            Part(b'{"r": {"a": 1, "l": [{"b": 1}, {"b": 2}]}}', (("v", "one"),)),
            Part(b'{"r": {"a": 2, "l": [{"b": 3}]}}', (("v", "two"),)),
        ]
        assert tabulate(parts, Layout()).frame["v"].to_list() == ["one", "one", "two"]

    def test_nothing_at_all(self) -> None:
        assert tabulate([], Layout()).frame.shape == (0, 0)
        assert tabulate([Part(b"", (("v", "one"),))], Layout()).frame.shape == (0, 0)


XML_TEXT = st.text(st.sampled_from(" ab\n\té&"), max_size=4)
XML_NAMES = st.sampled_from(["a", "b", "p:a", "q:b"])
XML_ELEMENTS = st.recursive(
    st.tuples(XML_NAMES, st.dictionaries(XML_NAMES, XML_TEXT, max_size=3), st.lists(XML_TEXT, max_size=1)),
    lambda inner: st.tuples(
        XML_NAMES, st.dictionaries(XML_NAMES, XML_TEXT, max_size=2), st.lists(inner | XML_TEXT, max_size=4)
    ),
    max_leaves=12,
)


def xml_of(element: Any, namespaces: str = "") -> str:
    if isinstance(element, str):
        return escape(element)
    name, attributes, children = element
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{namespaces}{written}>{''.join(map(xml_of, children))}</{name}>"


def expected(element: Any) -> Any:
    """What an element decodes to, by the rules that `decode_xml` states."""
    _, attributes, children = element
    fields: dict[str, Any] = {}
    for key, value in attributes.items():
        prefix, _, local = key.rpartition(":")
        name = f"@{local}"
        fields[f"@urn:{prefix}:{local}" if prefix and name in fields else name] = value
    elements = [child for child in children if not isinstance(child, str)]
    for child in elements:
        name = child[0].rpartition(":")[2]
        if name not in fields:
            fields[name] = expected(child)
        elif isinstance(fields[name], list):
            fields[name].append(expected(child))
        else:
            fields[name] = [fields[name], expected(child)]
    text = "".join(child for child in children if isinstance(child, str))
    if not fields:
        return "" if text.isspace() and "\n" in text else text
    if text.strip():
        fields["$"] = text.strip() if elements else text
    return fields


@given(root=XML_ELEMENTS, default=st.booleans())
def test_any_xml_is_decoded_by_the_rules(root: Any, default: bool) -> None:
    namespaces = ' xmlns:p="urn:p" xmlns:q="urn:q"' + (' xmlns="urn:d"' if default else "")
    document = decode_xml(xml_of(root, namespaces).encode())
    assert document == {root[0].rpartition(":")[2]: expected(root)}
