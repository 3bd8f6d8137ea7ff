"""Archives: in each other, beside other files, hostile, or where none was expected."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

from flows.documents import DocumentError
from flows.tabulation import Layout, Part, Table, tabulate

XML = b'<?xml version="1.0"?><U xmlns="urn:x"><T><id>%d</id></T></U>'


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as file:
        for name, body in members.items():
            file.writestr(name, body)
    return archive.getvalue()


def table_of(body: bytes, **layout: Any) -> Table:
    return tabulate([Part(body)], Layout(**{"format": "zip", **layout}))


def columns_of(body: bytes, **layout: Any) -> dict[str, list[Any]]:
    return table_of(body, **layout).frame.to_dict(as_series=False)


def refusal_of(body: bytes, **layout: Any) -> str:
    with pytest.raises(DocumentError) as raised:
        table_of(body, **layout)
    return raised.value.reason


def test_archives_and_gzip_files_in_an_archive_are_read() -> None:
    body = zipped(
        {
            "summary.csv": b"t,mw\n1,5\n",
            "PUBLIC_A.ZIP": zipped({"a.csv": b"t,mw\n2,6\n", "deep.zip": zipped({"b.CSV": b"t,mw\n3,7\n"})}),
            "mar.csv.gz": gzip.compress(b"t,mw\n") + gzip.compress(b"4,8\n"),
            "apr.gz": gzip.compress(b"t,mw\n5,9\n"),
            "may.csv.zip": zipped({"may.csv": b"t,mw\n6,1\n"}),
        }
    )
    assert columns_of(body) == {"t": list("123456"), "mw": list("567891")}
    assert not table_of(body).findings


def test_files_that_are_not_read_are_named() -> None:
    inner = zipped({"b.csv": b"t\n2\n", "notes.pdf": b"%PDF"})
    body = zipped({"a.csv": b"t\n1\n", "feb.txt": b"t\n2\n", "in.zip": inner, "folder/": b""})
    (finding,) = table_of(body).findings
    assert finding.message == "2 files of the ZIP archive are not read: feb.txt, in.zip/notes.pdf"


@pytest.mark.parametrize("station", [b"station,lat,lon\nAA,1,2\n", b"t,station\n1,AA\n"])
def test_members_with_unlike_headers_are_refused_by_name(station: bytes) -> None:
    reason = refusal_of(zipped({"stations.csv": station, "data.csv": b"t,mw\n1,5\n2,6\n"}))
    assert "unlike headers" in reason
    assert "stations.csv" in reason
    assert "data.csv" in reason


def test_columns_that_only_later_members_have_are_empty_in_the_others() -> None:
    body = zipped({"jan.csv": b"t,mw\n1,5\n", "feb.csv": b"\xef\xbb\xbfmw,t,note\n6,2,x\n"})
    assert columns_of(body) == {"t": ["1", "2"], "mw": ["5", "6"], "note": [None, "x"]}


@pytest.mark.parametrize(
    ("name", "good", "broken"),
    [
        ("002-B.xml", XML % 1, b"<U><n>Kraft & Warme</n></U>"),
        ("b.json", b'[{"a": 1}]', b'[{"a": 1'),
        ("b.csv", b"a,b\n1,2\n", b"a,b\n1,2,3\n"),
    ],
)
def test_a_broken_member_is_named(name: str, good: bytes, broken: bytes) -> None:
    body = zipped({f"001-A.{name.rpartition('.')[2]}": good, "x.zip": zipped({name: broken})})
    assert refusal_of(body).startswith(f"x.zip/{name}: ")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"in.zip": b"PK\x03\x04 and no more"}, "in.zip: not a sound ZIP archive"),
        ({"a.zip": b"words"}, "a.zip: not a sound ZIP archive"),
        ({"a.csv.gz": gzip.compress(b"t\n1\n")[:-5]}, "the gzip file a.csv.gz cannot be unpacked"),
        ({"[Content_Types].xml": b"<a/>", "xl/sheet1.xml": b"<a/>"}, "an Office document"),
    ],
)
def test_what_is_not_sound_inside_is_named(members: Mapping[str, bytes], said: str) -> None:
    assert said in refusal_of(zipped(members))


@pytest.mark.parametrize(("method", "word"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")])
def test_members_whose_growth_is_not_bounded_are_refused_unopened(method: int, word: str) -> None:
    body = zipped({"a.csv": b"a\n" + b"1\n" * 20_000_000}, method)
    assert len(body) < 50_000
    tracemalloc.start()
    try:
        reason = refusal_of(body, max_bytes=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert f"a.csv of the ZIP archive is compressed by {word}" in reason
    assert peak < 5_000_000


def bomb(levels: int, width: int) -> bytes:
    body = zipped({f"{number}.csv": b"a\n" + b"1\n" * 500_000 for number in range(width)})
    for _ in range(levels):
        body = zipped({f"{number}.zip": body for number in range(width)})
    return body


@pytest.mark.parametrize(
    "body",
    [
        bomb(0, 4),
        bomb(2, 4),
        zipped({"a.csv.gz": gzip.compress(b"a\n" + b"1\n" * 2_000_000)}),
        zipped({f"{number}.gz": gzip.compress(b"a,b\n" + b"1,2\n" * 150_000) for number in range(4)}),
    ],
    ids=["members", "archives in archives", "gzip", "gzip members"],
)
def test_the_bound_holds_for_everything_unpacked_together(body: bytes) -> None:
    tracemalloc.start()
    try:
        reason = refusal_of(body, max_bytes=2_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "unpacks to more than 2 MB" in reason
    assert peak < 20_000_000


def test_archives_that_are_too_deep_or_too_many_are_refused() -> None:
    body = b"a\n1\n"
    for name in ["a.csv", *("b.zip",) * 5]:
        body = zipped({name: body})
    assert "is packed more than 4 times" in refusal_of(body)
    many = zipped({f"{number}.csv": b"" for number in range(20_001)}, zipfile.ZIP_STORED)
    assert "a ZIP archive of more than 20,000 files" in refusal_of(many)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/tmp/x", "C:\\x", "a\x1b[2J\nb", "é" * 30_000])
def test_names_of_members_do_no_harm(name: str) -> None:
    table = table_of(zipped({f"{name}.csv": b"t\n1\n", f"{name}.txt": b""}))
    assert table.frame.to_dict(as_series=False) == {"t": ["1"]}
    (finding,) = table.findings
    assert finding.message.isprintable()
    assert len(finding.message) < 300


@pytest.mark.parametrize("expected", ["zip", "xml", "csv", "json"])
@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (zipped({"a.xml": XML % 1, "b.xml": XML % 2}), {"id": ["1", "2"]}),
        (zipped({"a.csv": b"id\n1\n2\n"}), {"id": ["1", "2"]}),
        (gzip.compress(b"id,x\n1,2\n"), {"id": ["1"], "x": ["2"]}),
    ],
    ids=["xml", "csv", "gzip"],
)
def test_an_archive_is_read_whatever_was_expected(
    body: bytes, rows: dict[str, list[str]], expected: str
) -> None:
    assert columns_of(body, format=expected) == rows


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (XML % 1, {"id": ["1"]}),
        (b"\xef\xbb\xbf<U><T><id>1</id></T></U>", {"id": ["1"]}),
        (b"id,x\n1,2\n", {"id": ["1"], "x": ["2"]}),
        (b' [{"id": 1}]', {"id": [1]}),
    ],
)
def test_a_document_by_itself_is_read_where_an_archive_was_expected(
    body: bytes, rows: dict[str, list[Any]]
) -> None:
    assert columns_of(body) == rows


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><p>Sorry", b"No data available", b"\x00\x01,\n"])
def test_what_is_neither_archive_nor_document_is_refused(body: bytes) -> None:
    assert "not a sound ZIP archive" in refusal_of(body)


def test_pages_may_be_archives_or_not() -> None:
    parts = [Part(zipped({"a.xml": XML % 1})), Part(XML % 2), Part(b"")]
    assert tabulate(parts, Layout(format="xml")).frame.to_dict(as_series=False) == {"id": ["1", "2"]}


def test_an_archive_without_rows_is_no_rows() -> None:
    body = zipped({"a.xml": b"<U/>"})
    assert columns_of(body, format="xml", records=["U", "T"]) == {}
