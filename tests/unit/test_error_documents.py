"""Which small documents are errors by their own words, and which are data."""

from __future__ import annotations

import pytest

from flows.collection.error_documents import error_document
from flows.documents import Document

ERRORS = {
    b'{"status": "error", "code": 429, "message": "limit"}': "status error, code 429, message limit",
    b'{"error": "no such zone"}': "error no such zone",
    b'{"Error": {"code": 5, "reason": "bad key"}}': "code 5, reason bad key",
    b'{"errors": [{"title": "a"}, {"title": "b"}]}': "title a, title b",
    b'{"fault": {"faultstring": "Invalid", "detail": {"errorcode": "oauth"}}}': "Invalid",
    b'[{"Message": "quota"}]': "Message quota",
    b'{"data": null, "ERROR": "y"}': "ERROR y",
    b'{"detail": "Not found"}': "detail Not found",
    b'{"success": false, "error": {"info": "limit"}}': "info limit",
    b'{"status": "failed", "rows": []}': "status failed",
    b"<Error><Code>SlowDown</Code><Message>wait</Message></Error>": "Code SlowDown, Message wait",
    b'<?xml version="1.0"?><s:Fault xmlns:s="x"><faultstring>no</faultstring></s:Fault>': "faultstring no",
    b'\xef\xbb\xbf\n{"error": "after a byte order mark"}': "error after",
}
DATA = [
    b"",
    b"{}",
    b"[]",
    b'"a text"',
    b'{"status": "success", "data": []}',
    b'{"code": 200, "message": "OK", "data": []}',
    b'{"data": [], "error": null}',
    b'{"error": false, "data": {"mw": 1}}',
    b'[{"t": 1, "status": "on"}, {"t": 2, "status": "off"}]',
    b'{"status": "error", "data": [{"mw": 1}, {"mw": 2}]}',
    b'{"message": "", "mw": 5}',
    b'{"errorCode": "0000", "data": []}',
    b'{"errorCode": 0, "errorMessage": "Success", "data": []}',
    b'{"error": {"code": 0, "message": "no error"}, "data": []}',
    b'{"mw": 5}',
    b"t,error\n2024-01-01,5\n",
    b'{"error": "cut',
    b'{"error": "' + b"x" * 9000 + b'"}',
    b'{"error": "x", ' + b", ".join(b'"c%d": 1' % number for number in range(20)) + b"}",
]


@pytest.mark.parametrize("body", ERRORS)
@pytest.mark.parametrize("form", ["json", "csv", "xml"])
def test_a_small_document_of_error_words_is_an_error(body: bytes, form: str) -> None:
    error = error_document(Document(body, form))  # type: ignore[arg-type]
    assert error is not None
    assert ERRORS[body] in error.message


@pytest.mark.parametrize("body", DATA)
def test_anything_else_is_data(body: bytes) -> None:
    assert error_document(Document(body)) is None


def test_a_document_with_a_column_of_the_data_is_data() -> None:
    error = error_document(Document(b'{"Unit": {"Status": {"@code": "7", "$": "tripped"}, "Id": 5}}'))
    assert error is not None
    assert error.is_data(["Unit_Id"])
    assert error.is_data(["Id"])
    assert error.is_data(["Status_code"])
    assert not error.is_data(["mw", "t"])
    assert not error.is_data([])
