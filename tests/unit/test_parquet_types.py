"""Types of columns from window to window."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from prefect_aws import AwsCredentials, S3Bucket
from pydantic import SecretStr

from flows.api_config import ApiConfig
from flows.collection.api_objects import storable_objects
from flows.collection.api_table import CollectedTable
from flows.collection.last_object_checks import TableChecks
from flows.collection.last_objects import LastObjects
from flows.collection.window_comparison import compare_with_window
from flows.data_checks import csv_shape
from flows.documents import Document
from flows.http_collector import Response
from flows.object_store import ObjectStore
from flows.request_plan import Window, plan_window
from flows.tabulation import Layout, Part, changed_types, parquet_types, tabulate
from tests.conftest import NOW

UTC = ZoneInfo("UTC")


def types_of(body: str, form: str = "json") -> dict[str, str]:
    return parquet_types(tabulate([Part(body.encode())], Layout(form)).typed())  # type: ignore[arg-type]


def test_a_column_without_a_value_has_no_type() -> None:
    assert types_of('[{"a": 1, "b": null, "c": "x", "d": 0.5, "e": true}]') == {
        "a": "Int64", "c": "String", "d": "Float64", "e": "Boolean",
    }  # fmt: skip
    assert types_of("a,b,c\n1,,1E2\n", "csv") == {"a": "Int64", "c": "String"}


def test_changes_are_of_columns_that_are_known() -> None:
    known = {"a": "Int64", "b": "String", "gone": "Int64"}
    assert changed_types({"a": "Float64", "b": "String", "new": "Int64"}, known) == [
        "a (was Int64, is Float64)"
    ]


@pytest.fixture
def checks() -> TableChecks:
    """Of a bucket that is not asked, since there is no CSV object to compare."""
    credentials = AwsCredentials(aws_access_key_id="x", aws_secret_access_key=SecretStr("x"))
    return TableChecks(LastObjects(ObjectStore(S3Bucket(bucket_name="none", credentials=credentials))))


def findings_of(checks: TableChecks, cell: str, day: int, severity: str = "warn") -> tuple[str, ...]:
    api = ApiConfig.model_validate(
        {
            "name": "Drift",
            "url": "https://example.com/{start}",
            "output_folder": "f",
            "csv_prefix": "p",
            "dates": {"unit": "day", "timezone": "UTC"},
            "outputs": ["parquet"],
            "checks": {"types": severity, "window": "off"},
        }
    )
    start, end = datetime(2024, 1, day, tzinfo=UTC), datetime(2024, 1, day + 1, tzinfo=UTC)
    body = f'[{{"t": "a", "mw": {cell}}}]'.encode()
    responses = (Response(Document(body), "https://example.com/", NOW),)
    collection = plan_window(api, Window(start=start, end=end, last=start), NOW, "series")
    table = tabulate([Part(body)], Layout())
    collected = CollectedTable(responses, table, compare_with_window(collection, table.frame))
    return checks.check(collection, collected, storable_objects(collection, collected, "run"), None).findings


def test_a_parquet_type_that_changes_between_windows_is_a_finding(checks: TableChecks) -> None:
    found = [findings_of(checks, cell, day) for day, cell in enumerate(["5", "5.5", "null", '"-"'], 5)]
    assert found == [
        (),
        ("columns whose Parquet type changed: mw (was Int64, is Float64)",),
        (),
        ("columns whose Parquet type changed: mw (was Float64, is String)",),
    ]


def test_it_is_none_where_the_check_is_off(checks: TableChecks) -> None:
    assert [findings_of(checks, cell, 5, "off") for cell in ("5", '"-"')] == [(), ()]


def test_an_empty_column_keeps_what_it_held_in_csv_too() -> None:
    numbers, empty, new = (csv_shape(body, 1) for body in (b"a,b\n1,x\n", b"a,b\n,y\n", b"a,c\n,\n"))
    assert numbers is not None
    assert empty is not None
    assert new is not None
    assert empty.with_known(numbers).columns == {"a": "numbers", "b": "text"}
    assert new.with_known(empty.with_known(numbers)).columns == {"a": "numbers", "c": "nothing"}
    assert empty.with_known(None) == empty
