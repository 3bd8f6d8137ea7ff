"""Windows whose data is not what was asked for: not stored as data, kept beside it, and asked for again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.responses import Response

from flows.inspection.preview import preview_api
from flows.object_store import Spool
from flows.sandbox.loopback_server import LoopbackServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.flow.test_object_store_s3 import store_on
from tests.flow.windows_of_a_service import (
    DAY,
    Windows,
    hours_of,
    json_response,
    objects_in,
    windows_of_a_service,
)
from tests.s3_relay import RelayedS3, s3_error

LIMITED = {"status": "error", "code": 429, "message": "API rate limit exceeded"}
STORED = "load/load_20240105.csv"


@pytest.fixture
def windows(embedded_s3: EmbeddedS3, bucket: str, tmp_path: Path) -> Iterator[Windows]:
    with windows_of_a_service(store_on(embedded_s3, bucket), tmp_path / "spool") as found:
        yield found


def zone_response(missing: Response) -> Callable[[Mapping[str, str]], Response]:
    def respond(query: Mapping[str, str]) -> Response:
        return missing if query["zone"] == "B" else json_response([{"t": f"{query['day']}T00:00Z", "mw": 1}])

    return respond


def rejected_in(s3: EmbeddedS3, bucket: str) -> list[str]:
    return [key for key in objects_in(s3, bucket) if "/_rejected/" in key]


REJECTED: dict[str, tuple[dict[str, Any], Callable[[Mapping[str, str]], Response], str]] = {
    "an error document": (
        {"key_columns": ["t"]},
        lambda _: json_response(LIMITED),
        "API rate limit exceeded",
    ),
    "an error in XML": (
        {"key_columns": ["t"], "format": "xml"},
        lambda _: Response("<Error><Code>Busy</Code><Message>try later</Message></Error>"),
        "try later",
    ),
    "none of the key columns": (
        {"key_columns": ["t"], "error_when": []},
        lambda _: json_response([{"when": "2024-01-05", "mw": 5}]),
        "the response has none of the key_columns (t); it has when, mw",
    ),
    "a check set to fail": (
        {"key_columns": ["t"], "checks": {"duplicate_keys": "fail"}},
        lambda query: json_response([{"t": f"{query['day']}T00:00Z", "mw": mw} for mw in (1, 2)]),
        "a check of the data failed: 1 rows repeat",
    ),
}


@pytest.mark.parametrize("case", REJECTED)
def test_a_rejected_window_is_kept_beside_the_data_and_asked_for_again(
    windows: Windows, embedded_s3: EmbeddedS3, bucket: str, case: str
) -> None:
    options, respond, reason = REJECTED[case]
    api = windows.api(**options)
    windows.respond = respond
    (outcome,) = windows.collect(api)
    assert (outcome.collection_status, outcome.upload_status, outcome.s3_key) == ("failed", "skipped", None)
    assert reason in str(outcome.error)
    (key,) = objects_in(embedded_s3, bucket)
    assert key.startswith("load/_rejected/load_20240105_2")
    assert str(outcome.error).endswith(f"not stored as data, kept as s3://{bucket}/{key}")
    metadata = embedded_s3.client().head_object(Bucket=bucket, Key=key)["Metadata"]
    assert reason in unquote(metadata["rejected-because"])
    assert metadata["window-start"] == "2024-01-05T00:00:00+00:00"
    assert windows.store.latest("load", "load") is None
    assert windows.spool.entries() == ()

    windows.respond = lambda query: (
        hours_of(query)
        if api.format == "json"
        else Response("<r><row><t>2024-01-05T00:00Z</t><mw>5</mw></row></r>")
    )
    (outcome,) = windows.collect(api)
    assert (outcome.s3_key, outcome.error) == (STORED, None)
    assert windows.collect(api) == []
    assert rejected_in(embedded_s3, bucket) == [key]


def test_a_good_window_stays_where_the_new_one_is_rejected(
    windows: Windows, embedded_s3: EmbeddedS3, bucket: str
) -> None:
    api = windows.api(key_columns=["t"], checks="fail", outputs=["csv", "parquet", "raw"])
    windows.respond = hours_of
    windows.collect(api)
    good = objects_in(embedded_s3, bucket)
    assert len(good) == 3
    windows.respond = lambda _: json_response(LIMITED)
    (outcome,) = windows.collect(api, force=True)
    assert "API rate limit exceeded" in str(outcome.error)
    now = objects_in(embedded_s3, bucket)
    assert {key: body for key, body in now.items() if key in good} == good
    endings = sorted(key.split(".", 1)[1] for key in now.keys() - good)
    assert endings == ["csv", "parquet", "raw.json"]


def test_an_error_without_history_or_key_columns_is_a_finding_and_with_either_a_failure(
    windows: Windows,
) -> None:
    windows.respond = lambda _: json_response(LIMITED)
    (outcome,) = windows.collect(windows.api())
    assert outcome.error is None
    assert "returned what looks like an error: status error, code 429" in outcome.findings[0]
    # an object of another day is the history
    api = windows.api(output_folder="other")
    windows.respond = hours_of
    windows.collect(api)
    windows.respond = lambda _: json_response(LIMITED)
    (outcome,) = windows.collect(api, date(2024, 1, 1), date(2024, 1, 1))
    assert "returned an error: status error, code 429, message API rate limit exceeded" in str(outcome.error)
    # the history has its columns
    (outcome,) = windows.collect(windows.api(), date(2024, 1, 1), date(2024, 1, 1))
    assert outcome.error is None
    assert not [finding for finding in outcome.findings if "error" in finding]
    # data by configuration
    (outcome,) = windows.collect(
        windows.api(output_folder="other", error_when=[]), date(2024, 1, 2), date(2024, 1, 2)
    )
    assert outcome.error is None


def test_an_error_where_the_records_should_be_is_a_failure_with_the_providers_words(windows: Windows) -> None:
    windows.respond = lambda _: json_response({"error": {"message": "key expired"}})
    (outcome,) = windows.collect(windows.api(records=["data"], key_columns=["t"]))
    assert "returned an error: message key expired" in str(outcome.error)
    (outcome,) = windows.collect(
        windows.api(columnar=["hourly"], key_columns=["t"]), date(2024, 1, 6), date(2024, 1, 6)
    )
    assert "returned an error: message key expired" in str(outcome.error)


def test_an_error_among_the_values_is_known_by_the_others(windows: Windows) -> None:
    api = windows.api(params={"day": "{start:%Y-%m-%d}", "zone": "{zone}"}, values={"zone": ["A", "B"]})
    windows.respond = zone_response(json_response({"error": "limit"}))
    (outcome,) = windows.collect(api)
    assert "zone=B returned an error: error limit" in str(outcome.error)


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"empty_when": {"status": 404}}, Response(status_code=404)),
        ({}, json_response([])),
        ({"empty_when": {"text": "no data"}}, Response('{"x": "no data"}')),
    ],
    ids=["404", "no rows", "empty_when"],
)
def test_a_window_without_some_of_its_values_is_not_whole(
    windows: Windows, embedded_s3: EmbeddedS3, bucket: str, options: dict[str, Any], missing: Response
) -> None:
    zones: dict[str, Any] = {
        "params": {"day": "{start:%Y-%m-%d}", "zone": "{zone}"},
        "values": {"zone": ["A", "B"]},
        **options,
    }
    windows.respond = zone_response(missing)
    (outcome,) = windows.collect(windows.api(**zones))
    assert "zone B has no rows, while the rest has" in str(outcome.error)
    assert len(rejected_in(embedded_s3, bucket)) == 1
    (outcome,) = windows.collect(windows.api(**zones, values_may_be_empty=True))
    assert (outcome.s3_key, outcome.error) == (STORED, None)
    assert "zone B has no rows" in outcome.findings[0]
    assert windows.collect(windows.api(**zones, values_may_be_empty=True)) == []
    # a run of current data stores what there is, and says what is missing
    outcome = windows.run(windows.api(**zones))
    assert (outcome.upload_status, outcome.error) == ("success", None)
    assert "zone B has no rows" in outcome.findings[0]


def test_no_rows_for_any_value_are_an_empty_window(windows: Windows) -> None:
    api = windows.api(params={"day": "{start:%Y-%m-%d}", "zone": "{zone}"}, values={"zone": ["A", "B"]})
    windows.respond = lambda _: json_response([])
    (outcome,) = windows.collect(api)
    assert (outcome.collection_status, outcome.upload_status, outcome.error) == ("success", "skipped", None)


def test_a_header_alone_beside_a_history_of_rows_is_empty_and_said(windows: Windows) -> None:
    api = windows.api(format="csv")
    windows.respond = lambda _: Response("t,mw\n")
    (outcome,) = windows.collect(api)
    assert (outcome.upload_status, outcome.findings) == ("skipped", ())
    windows.respond = lambda query: Response(f"t,mw\n{query['day']}T00:00Z,5\n")
    windows.collect(api)
    windows.respond = lambda _: Response("t,mw\n")
    (outcome,) = windows.collect(api, date(2024, 1, 1), date(2024, 1, 1))
    assert (outcome.upload_status, outcome.error) == ("skipped", None)
    assert "returned a header without rows, where the last object has rows" in outcome.findings[0]


def test_a_run_whose_check_fails_stores_its_data_and_an_error_is_kept_beside_it(
    windows: Windows, embedded_s3: EmbeddedS3, bucket: str
) -> None:
    api = windows.api(key_columns=["t"], checks="fail")
    windows.respond = lambda _: json_response([{"t": "a", "mw": 1}, {"t": "a", "mw": 2}])
    outcome = windows.run(api)
    assert "a check of the data failed: 1 rows repeat" in str(outcome.error)
    assert outcome.s3_key == "load/load_20261128_120000.csv"
    windows.respond = lambda _: json_response(LIMITED)
    outcome = windows.run(api, "20261128_130000")
    assert (outcome.collection_status, outcome.s3_key) == ("failed", None)
    (key,) = rejected_in(embedded_s3, bucket)
    assert key.startswith("load/_rejected/load_20261128_130000_")
    newest = windows.store.latest("load", "load")
    assert newest is not None
    assert newest.key == "load/load_20261128_120000.csv"


def test_a_rejected_window_that_cannot_be_uploaded_is_in_the_spool_and_stays_rejected(
    embedded_s3: EmbeddedS3, bucket: str, tmp_path: Path
) -> None:
    relayed = RelayedS3(embedded_s3, s3_error("AccessDenied", 403), times=100)
    with LoopbackServer(relayed) as server:
        store = store_on(embedded_s3, bucket, endpoint_url=server.base_url)
        with windows_of_a_service(store, tmp_path / "spool") as windows:
            windows.respond = lambda _: json_response(LIMITED)
            (outcome,) = windows.collect(windows.api(key_columns=["t"]), DAY, DAY)
    assert (outcome.collection_status, outcome.upload_status) == ("failed", "skipped")
    assert "API rate limit exceeded" in str(outcome.error)
    assert "AccessDenied" in str(outcome.error)
    assert outcome.spooled_to is not None
    report = Spool(tmp_path / "spool", 10**9).drain(store_on(embedded_s3, bucket))
    assert report.problems == ()
    (key,) = objects_in(embedded_s3, bucket)
    assert key.startswith("load/_rejected/load_20240105_")


def test_a_preview_shows_why_a_table_would_not_be_stored(windows: Windows, tmp_path: Path) -> None:
    api = windows.api(key_columns=["t"])
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"apis": [api.model_dump(exclude_unset=True)]}))
    windows.respond = lambda _: json_response(LIMITED)
    preview = preview_api(config, "Load")
    assert "returned an error: status error, code 429" in preview["findings"][0]
