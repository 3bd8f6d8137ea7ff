"""Conditions on responses: no data, or a provider's error, whatever the status."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from flows.api_config import ApiConfig
from flows.documents import Document
from flows.http_collector.response_classification import classify_response
from tests.conftest import IsoneSandbox
from tests.providers.faults import Fault
from tests.unit.test_http_collector import collect, failure_of


def zipped(**members: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, body in members.items():
            file.writestr(name.replace("_", "."), body)
    return archive.getvalue()


CAISO_ERROR = b"""<?xml version="1.0"?><m:OASISReport xmlns:m="http://www.caiso.com/soa/OASISReport_v1.xsd">
<m:MessagePayload><m:RTO><m:ERROR><m:ERR_CODE>%s</m:ERR_CODE><m:ERR_DESC>Invalid date</m:ERR_DESC></m:ERROR>
</m:RTO></m:MessagePayload></m:OASISReport>"""
ERROR_CODE = ["OASISReport", "MessagePayload", "RTO", "ERROR", "ERR_CODE"]
ERROR_TEXT = [*ERROR_CODE[:-1], "ERR_DESC"]

# condition, format, status, body, the provider's words where it is an error
ERRORS: list[tuple[dict[str, Any], str, int, bytes, str | None]] = [
    ({"at": "error"}, "json", 200, b'{"error": "no such series"}', "no such series"),
    ({"at": "error"}, "json", 200, b'{"error": {"code": 7}}', '{"code":7}'),
    ({"at": "error"}, "json", 200, b'{"error": null, "data": [1]}', None),
    ({"at": "error"}, "json", 200, b'{"error": [], "data": [1]}', None),
    ({"at": "error"}, "json", 200, b'{"error": false}', None),
    ({"at": "code"}, "json", 200, b'{"code": 0}', None),
    ({"at": "code"}, "json", 200, b'{"code" : -0}', None),
    ({"at": "code"}, "json", 200, b'{"code": 17}', "17"),
    ({"at": "code", "equals": 0}, "json", 200, b'{"code": 0}', "0"),
    ({"at": "error", "message": "reason"}, "json", 200, b'{"error": true, "reason": "bad day"}', "bad day"),
    ({"at": "error", "message": "reason"}, "json", 200, b'{"error": true}', ""),
    ({"at": "error", "equals": False}, "json", 200, b'{"error": false}', "false"),
    ({"at": "code", "equals": [7, 8]}, "json", 200, b'{"code": 8}', "8"),
    ({"at": "code", "equals": [7, 8]}, "json", 200, b'{"code": 80}', None),
    ({"at": ["w", "t"], "contains": "LIMIT"}, "json", 200, b'{"w": [{"t": 1}, {"t": "limit"}]}', "limit"),
    ({"at": "error"}, "json", 200, b"[1, 2]", None),
    ({"at": "error"}, "json", 200, b'{"error": ', None),
    ({"text": "Maintenance"}, "csv", 200, b"down for MAINTENANCE", "Maintenance"),
    ({"text": "maintenance"}, "csv", 200, b"x" * 4096 + b"maintenance", None),
    ({"status": 200, "at": "error"}, "json", 200, b'{"error": "x"}', "x"),
    ({"status": 422, "at": "error"}, "json", 200, b'{"error": "x"}', None),
    ({"at": ERROR_CODE, "message": ERROR_TEXT}, "zip", 200, zipped(e_xml=CAISO_ERROR % b"1"), "Invalid date"),
    ({"at": ERROR_CODE}, "zip", 200, zipped(a_csv=b"ERR_CODE\n1\n"), None),
    ({"text": "err_code"}, "zip", 200, zipped(a_csv=b"x", e_xml=CAISO_ERROR % b"1"), "err_code"),
    ({"at": ERROR_CODE}, "zip", 200, b"PK not an archive", None),
    ({"at": ["Ack", "Reason", "text"]}, "csv", 200, b"<Ack><Reason><text>no</text></Reason></Ack>", "no"),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "form", "status", "body", "words"), ERRORS)
def test_an_error_is_recognised_and_its_message_is_found(
    condition: dict[str, Any], form: str, status: int, body: bytes, words: str | None
) -> None:
    entry = {"name": "a", "url": "https://example.com", "output_folder": "f", "csv_prefix": "p"}
    api = ApiConfig.model_validate({**entry, "format": form, "error_when": condition})
    found = classify_response(api, status, Document(body, api.format))
    assert (found.message if found else None) == words
    assert not (found and found.is_empty)


def test_no_data_goes_before_an_error_whatever_the_status(isone: IsoneSandbox) -> None:
    options = {
        "empty_when": [{"status": 404}, {"at": ["reason", "code"], "equals": 999}],
        "error_when": {"at": "reason", "message": ["reason", "text"]},
    }
    entry = isone.api("x", "genfuelmix/current", **options)
    isone.faults.add("*", Fault(body=b'{"reason": {"code": 999, "text": "No matching data"}}'))
    isone.faults.add("*", Fault(status=400, body=b'{"reason": {"code": 999}}'))
    isone.faults.add("*", Fault(status=404, body=b"<html>"))
    assert [collect(entry) for _ in range(3)] == [b"", b"", b""]


def test_an_error_in_a_200_fails_at_once_with_the_providers_words(isone: IsoneSandbox) -> None:
    isone.faults.add("*", Fault(body=b'{"reason": {"text": "unknown\\nseries \\u001b[31m"}}'), times=None)
    options = {"error_when": {"at": "reason", "message": ["reason", "text"]}}
    said = failure_of(isone.api("x", "genfuelmix/current", **options))
    assert "returned an error: unknown series [31m" in said
    assert len(isone.faults.requests) == 1


def test_the_providers_message_is_added_to_an_error_status(isone: IsoneSandbox) -> None:
    isone.faults.add("*", Fault(status=400, body=b"<Ack><text>Unexpected parameter</text></Ack>"))
    options = {"format": "xml", "error_when": {"at": ["Ack", "text"]}}
    said = failure_of(isone.api("x", "genfuelmix/current", **options))
    assert "HTTP 400 Bad Request" in said
    assert said.endswith("Unexpected parameter")


def test_a_message_that_repeats_a_secret_is_redacted(isone: IsoneSandbox) -> None:
    isone.faults.add("*", Fault(body=b'{"error": "the password sandbox-password-4711 is wrong"}'))
    said = failure_of(isone.api("x", "genfuelmix/current", error_when={"at": "error"}))
    assert said.endswith("the password *** is wrong")


def test_a_healthy_response_is_untouched(isone: IsoneSandbox) -> None:
    plain = collect(isone.api("x", "genfuelmix/day/20240101"))
    watched = isone.api(
        "x", "genfuelmix/day/20240101", error_when={"at": "error"}, empty_when={"status": 404}
    )
    assert collect(watched) == plain
