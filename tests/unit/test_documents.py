"""Documents: decoded once, in the charset that they are in."""

from __future__ import annotations

import pytest

from flows.documents import Document, DocumentError
from flows.tabulation import Layout, Part, tabulate


def test_a_document_is_decoded_once_and_its_value_is_freed_when_it_is_tabulated() -> None:
    document = Document(b'{"data": [{"n": 1}, {"n": 2.50}]}')
    assert document.value() is document.value()
    assert tabulate([Part(document)], Layout()).frame["n"].to_list() == [1, 2.5]
    assert not document.is_decoded
    assert document.body == b'{"data": [{"n": 1}, {"n": 2.50}]}'


def test_pages_of_which_only_some_are_decoded_make_the_same_table() -> None:
    bodies = [f'{{"data": [{{"n": {n}, "t": "x"}}]}}'.encode() for n in ("1", "2.50", "3")]
    documents = [Document(body) for body in bodies]
    documents[0].value()
    table = tabulate([Part(document) for document in documents], Layout())
    assert table.frame.equals(tabulate([Part(body) for body in bodies], Layout()).frame)
    assert table.frame["n"].to_list() == [1, 2.5, 3]


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("ISO-8859-1", "latin-1"), ("windows-1252", "cp1252"), ("utf-16", "utf-16"), ("utf-16le", "utf-16"),
        ("utf-16-be", "utf-16-be"), ("utf-32", "utf-32"), ("shift_jis", "shift_jis"), ("gb2312", "gb18030"),
        ("koi8-r", "koi8-r"), ("big5", "big5"), (None, "utf-8"), ("iso-8859-1", "utf-8"), ("elvish", "utf-8"),
    ],
)  # fmt: skip
def test_a_body_is_read_in_its_charset_or_in_utf_8(charset: str | None, encoding: str) -> None:
    text = {"shift_jis": "電力", "gb18030": "电力", "big5": "電力", "koi8-r": "цена"}.get(encoding, "é")
    body = f'["{text}"]'.encode(encoding)
    assert Document(body, charset=charset).value() == [text]


@pytest.mark.parametrize(
    "charset", ["hex", "base64", "utf-7", "unicode_escape", "idna", "undefined", "rot13"]
)
def test_encodings_that_are_no_charsets_are_not_used(charset: str) -> None:
    assert Document(b'["+AGE-"]', charset=charset).value() == ["+AGE-"]
    with pytest.raises(DocumentError, match="invalid UTF-8 at byte 2"):
        Document(b'["\xff"]', charset=charset).value()


def test_a_body_that_is_not_in_its_charset_is_an_error() -> None:
    with pytest.raises(DocumentError, match="neither UTF-8 nor shift_jis"):
        Document(b'["\xff\xff"]', charset="shift_jis").value()
