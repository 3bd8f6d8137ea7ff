"""Optional keys: layouts, paging, windows, tokens, response conditions; and the JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flows.api_config import SHIPPED_CONFIG_FILE, ConfigError, load_config
from flows.api_config.schema import SCHEMA_FILE, config_schema, schema_text

WriteConfig = Callable[..., Path]
BASE = {"name": "a", "url": "https://example.com/api", "output_folder": "f", "csv_prefix": "p"}
DATES = {"unit": "day", "timezone": "America/New_York"}
TOKEN = {"kind": "oauth2_password", "token_url": "https://example.com/token", "username": {"env": "U"},
         "password": {"env": "P"}}  # fmt: skip

VALID: dict[str, dict[str, Any]] = {
    "csv": {"format": "csv", "skip_rows": 3},
    "zip": {"format": "zip", "skip_rows": 1},
    "xml": {"format": "xml", "records": ["Document", "Row"], "explode": [["Period"], ["Period", "Point"]]},
    "rows": {"columns_from": ["fields"], "rows_from": "data"},
    "columnar": {"columnar": "hourly"},
    "awkward keys": {"records": ["Pool Price Report", "@at", "$", "a.b"]},
    "offset": {"pagination": {"kind": "offset", "total": ["response", "total"], "start": 1}},
    "page": {"pagination": {"kind": "page", "size_param": "n", "size": 10, "total_pages": ["_meta", "n"]}},
    "page of csv": {"format": "csv", "pagination": {"kind": "page", "size": 10}},
    "cursor": {"pagination": {"kind": "cursor", "cursor": "next", "max_pages": 5}},
    "next link": {"pagination": {"kind": "next_link"}},
    "dates": {"dates": DATES, "url": "https://example.com/{start:%Y/%m}/{end_utc:%d}",
              "params": {"to": "{last}"}},
    "history": {"dates": DATES, "history_url": "https://example.com/day/{start:%Y%m%d}"},
    "values": {"url": "https://example.com/{location}", "values": {"location": [4001, "x y"]}},
    "headers": {"headers": {"X-Day": "{start:%d}", "X-Braces": "{{}}"}, "dates": DATES},
    "token and key": {"auth": [TOKEN, {"kind": "header", "name": "X-Key", "value": {"block": "b"}}]},
    "client": {"auth": {"kind": "oauth2_client_credentials", "token_url": "http://localhost:1/t",
                        "client_id": "me", "client_secret": {"env": "S"}, "token_field": "id_token",
                        "params": {"response_type": "id_token"}}},
    "conditions": {"error_when": {"at": ["error"], "equals": True, "message": ["reason"]},
                   "empty_when": [{"status": 404}, {"text": "no data"}, {"status": [400, 422], "at": "x"}]},
    "outputs": {"outputs": ["csv", "parquet", "raw"], "key_columns": ["BeginDate", "Location_LocId"]},
}  # fmt: skip

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"skip_rows": 3}, ".skip_rows", '"format": "json"'),
    ({"format": "csv", "records": "a"}, ".records", '"format": "csv"'),
    ({"columns_from": "fields"}, ".columns_from", "rows_from"),
    ({"columnar": "hourly", "records": "x"}, ".columnar", "combined with records"),
    ({"columnar": "hourly", "explode": [["x"]]}, ".explode", "combined with columnar"),
    ({"pagination": {"kind": "ofset"}}, ".pagination.kind", "did you mean 'offset'?"),
    ({"pagination": {}}, ".pagination.kind", "one of offset, page, cursor, next_link"),
    ({"pagination": {"kind": "cursor"}}, ".pagination.cursor", "is missing"),
    ({"pagination": {"kind": "page", "max_page": 3}}, ".pagination.max_page", "did you mean 'max_pages'?"),
    ({"pagination": {"kind": "page", "size_param": "n"}}, ".pagination.size_param", "needs size"),
    ({"pagination": {"kind": "page"}, "params": {"page": 1}}, ".params.page", "set by pagination"),
    ({"pagination": {"kind": "page"}, "format": "zip"}, ".pagination", '"format": "zip"'),
    (
        {"pagination": {"kind": "offset", "total": "n"}, "format": "csv"},
        ".pagination.total",
        '"format": "csv"',
    ),
    ({"url": "https://example.com/{start:%Y}"}, ".url", '"dates"'),
    ({"url": "https://{start:%Y}.example.com/", "dates": DATES}, ".url", "host"),
    ({"url": "https://example.com/{strat:%Y}", "dates": DATES}, ".url", "{strat:%Y}"),
    ({"url": "https://example.com/{strat}", "dates": DATES}, ".url", "did you mean 'start'?"),
    ({"url": "https://example.com/{start:%Q}", "dates": DATES}, ".url", "%Q"),
    ({"url": "https://example.com/{start:%", "dates": DATES}, ".url", "braces"),
    ({"url": "https://example.com/{start!r}", "dates": DATES}, ".url", "{start!r}"),
    ({"url": "https://example.com/{0}"}, ".url", "{0}"),
    ({"params": {"day": "{start:{end}}"}, "dates": DATES}, ".params.day", "braces"),
    ({"values": {"location": [1]}}, ".values.location", "is not used"),
    ({"url": "https://example.com/{a}", "values": {"a": [1, 1]}}, ".values.a", "'1' twice"),
    ({"url": "https://example.com/{a}", "values": {"a": []}}, ".values.a", "at least 1"),
    ({"url": "https://example.com/{a}", "values": {"a": ["x\ny"]}}, ".values.a", "control character"),
    ({"url": "https://example.com/{end}", "values": {"end": [1]}}, ".values.end", "another name"),
    ({"dates": {"unit": "week"}}, ".dates.unit", "one of hour, day, month, year"),
    ({"dates": {"timezone": "Boston"}}, ".dates.timezone", "America/New_York"),
    ({"dates": {"timezone": "America/NewYork"}}, ".dates.timezone", "did you mean America/New_York?"),
    ({"dates": {"zone": "UTC"}}, ".dates.zone", "unknown key"),
    ({"dates": {"unit": "hour", "timezone": "Australia/Lord_Howe"}}, ".dates", "by a whole hour"),
    ({"history_url": "https://example.com/{start}"}, ".history_url", '"dates"'),
    ({"history_url": "https://example.com/day", "dates": DATES}, ".history_url", "{start}"),
    ({"history_url": "https://example.org/{start}", "dates": DATES}, ".history_url", "another host"),
    (
        {"history_url": "https://example.com/{start:%Y%m%d}", "dates": {**DATES, "unit": "hour"}},
        ".dates.unit",
        "e.g. {start:%Y%m%d%H}, or",
    ),
    ({"auth": {**TOKEN, "token_url": "http://example.com/t"}}, ".auth[0].token_url", "plain http"),
    ({"auth": {**TOKEN, "password": "hunter2"}}, ".auth.password", "must be a reference"),
    ({"auth": {**TOKEN, "params": {"client_secret": "x"}}}, ".auth.params", "by reference"),
    ({"error_when": {"message": "x"}}, ".error_when", 'needs "at", "text" or "status"'),
    ({"error_when": {"status": 200, "equals": 1}}, ".error_when", '"at"'),
    ({"error_when": {"att": "x"}}, ".error_when.att", "did you mean 'at'?"),
    ({"empty_when": [{"status": 42}]}, ".empty_when[0].status", "100"),
    ({"outputs": []}, ".outputs", "at least 1"),
    ({"outputs": ["xlsx"]}, ".outputs[0]", "one of csv, parquet, raw"),
]


@pytest.mark.parametrize("keys", VALID.values(), ids=VALID)
def test_every_key_is_accepted_where_it_means_something(
    write_config: WriteConfig, keys: dict[str, Any]
) -> None:
    (api,) = load_config(write_config({**BASE, **keys})).apis
    assert api.model_fields_set == {*BASE, *keys}
    # what is sound under one API is sound in the schema too, for editors
    jsonschema.validate({"apis": [{**BASE, **keys}]}, config_schema())


@pytest.mark.parametrize(("keys", "path", "said"), WRONG, ids=lambda value: str(value)[:50])
def test_inconsistent_keys_are_reported_with_their_path(
    write_config: WriteConfig, keys: dict[str, Any], path: str, said: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(write_config({**BASE, **keys}))
    told = {item.path: f"{item.cause} ({item.suggestion})" for item in raised.value.problems}
    assert any(where.startswith(f"$.apis[0]{path}") and said in text for where, text in told.items()), told
    assert "hunter2" not in str(raised.value)


def test_several_inconsistencies_are_reported_at_once(write_config: WriteConfig) -> None:
    keys = {"skip_rows": 1, "history_url": "https://example.com/x", "values": {"a": [1]}}
    with pytest.raises(ConfigError) as raised:
        load_config(write_config({**BASE, **keys}))
    assert {problem.path for problem in raised.value.problems} == {
        "$.apis[0].skip_rows",
        "$.apis[0].history_url",
        "$.apis[0].values.a",
    }


def test_the_shipped_schema_is_the_models_own() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "run `python -m flows.api_config.schema` after a change of the models"
    )
    jsonschema.Draft202012Validator.check_schema(config_schema())


def test_the_shipped_configuration_names_the_schema_and_keeps_to_it() -> None:
    document = json.loads(SHIPPED_CONFIG_FILE.read_text(encoding="utf-8"))
    assert (SHIPPED_CONFIG_FILE.parent / document["$schema"]).resolve() == SCHEMA_FILE
    jsonschema.validate(document, config_schema())


def test_the_examples_in_the_readme_are_valid(write_config: WriteConfig) -> None:
    readme = (SCHEMA_FILE.parent / "api_config" / "README.md").read_text(encoding="utf-8")
    examples = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", readme, re.DOTALL)]
    keys = [json.loads(f"{{{text}}}") for text in re.findall(r'`("(?:auth|dates|checks)": [^`]*)`', readme)]
    assert len(examples) == 2
    assert len(keys) == 4
    for example in (*examples, *keys):
        entries = example.get("apis", [{**BASE, **example}])
        assert load_config(write_config(*entries)).apis


@pytest.mark.parametrize(
    "document",
    [
        {"apis": []},
        {"apis": [{**BASE, "tiemout_seconds": 3}]},
        {"apis": [{**BASE, "auth": {"kind": "bearer", "token": "literal"}}]},
        {"apis": [{**BASE, "pagination": {"kind": "offset", "limit": 0}}]},
        {"apis": [BASE], "defaults": {"format": "yaml"}},
    ],
    ids=["no api", "unknown key", "literal secret", "limit", "format"],
)
def test_the_schema_refuses_what_is_wrong(document: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, config_schema())
