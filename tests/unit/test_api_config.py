"""Configuration files: valid ones, problems, defaults, secrets and selection."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from flows.api_config import (
    SHIPPED_CONFIG_FILE,
    ApiConfig,
    ConfigError,
    check_configuration,
    environment,
    load_config,
    resolve_secrets,
    select_apis,
)
from flows.object_store import object_key

WriteConfig = Callable[..., Path]
SEED = {
    "name": "7 day forecast all zones",
    "url": "https://webservices.iso-ne.com/api/v1.1/sevendayforecast/current",
    "output_folder": "iso_ne_current_7_day_forecast",
    "csv_prefix": "demand",
}
CANARY = "canary-4711"


def problems_of(file: Path) -> dict[str, str]:
    """The cause and suggestion of each problem, by JSON path."""
    with pytest.raises(ConfigError) as raised:
        load_config(file)
    assert all(problem.where == str(file) for problem in raised.value.problems)
    assert CANARY not in str(raised.value)
    return {problem.path: f"{problem.cause} ({problem.suggestion})" for problem in raised.value.problems}


def test_the_seed_form_is_valid_unchanged(write_config: WriteConfig) -> None:
    (api,) = load_config(write_config(SEED)).apis
    assert (api.name, api.url) == (SEED["name"], SEED["url"])
    (auth,) = api.auth_entries
    assert auth.kind == "basic"
    assert (str(auth.username.env), str(auth.password.env)) == ("ISONE_API_USERNAME", "ISONE_API_PASSWORD")


def test_the_shipped_file_holds_the_four_apis() -> None:
    apis = load_config(SHIPPED_CONFIG_FILE).apis
    assert [(api.name, api.output_folder, api.csv_prefix) for api in apis] == [
        ("7 day forecast all zones", "iso_ne_current_7_day_forecast", "demand"),
        ("Hourly Final LMP", "hourly_final_lmp", "hourly_final_lmp"),
        ("Fuel Mix", "iso_ne_fuel_mix", "fuel_mix"),
        ("Morning Report", "iso_ne_morning_report", "morning_report"),
    ]


def test_credentials_are_assumed_for_the_iso_alone() -> None:
    elsewhere = ApiConfig.model_validate({**SEED, "url": "https://example.com/api"})
    assert elsewhere.auth_entries == ()


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"tiemout_seconds": 3}, "$.apis[0].tiemout_seconds", "did you mean 'timeout_seconds'?"),
    ({"format": "jsn"}, "$.apis[0].format", "did you mean 'json'?"),
    ({"name": " "}, "$.apis[0].name", "is empty"),
    ({"name": "a\nb"}, "$.apis[0].name", "control character"),
    ({"url": "ftp://example.com/x"}, "$.apis[0].url", "http:// or https://"),
    ({"url": "https://"}, "$.apis[0].url", "host"),
    ({"url": "https://[::1"}, "$.apis[0].url", "is not a URL"),
    ({"url": "https://example.com:port/"}, "$.apis[0].url", "is not a URL"),
    ({"url": "https://example.com/#all"}, "$.apis[0].url", "never sent"),
    ({"url": "http://localhost.example.com/"}, "$.apis[0].url", "allow_insecure"),
    ({"url": "http://example.com/x"}, "$.apis[0].url", "allow_insecure"),
    ({"url": f"https://me:{CANARY}@example.com/"}, "$.apis[0].url", "use auth"),
    ({"url": f"https://example.com/?api_key={CANARY}"}, "$.apis[0].url", "by reference"),
    ({"url": "https://example.com/{day}"}, "$.apis[0].url", "{day}"),
    ({"output_folder": "../up"}, "$.apis[0].output_folder", "'..'"),
    ({"output_folder": "/root"}, "$.apis[0].output_folder", "absolute"),
    ({"output_folder": ""}, "$.apis[0].output_folder", "is empty"),
    ({"output_folder": "a//b"}, "$.apis[0].output_folder", "empty"),
    ({"output_folder": "a\\b"}, "$.apis[0].output_folder", "separated by /"),
    ({"output_folder": "a/" + "é" * 101}, "$.apis[0].output_folder", "more than 200 bytes"),
    ({"csv_prefix": ".."}, "$.apis[0].csv_prefix", "'..'"),
    ({"csv_prefix": "a/b"}, "$.apis[0].csv_prefix", "output_folder"),
    ({"timeout_seconds": 0}, "$.apis[0].timeout_seconds", "greater than 0"),
    ({"timeout_seconds": "30"}, "$.apis[0].timeout_seconds", "number"),
    ({"max_attempts": 0}, "$.apis[0].max_attempts", "greater than or equal to 1"),
    ({"headers": {"X-Api-Key": CANARY}}, "$.apis[0].headers", "by reference"),
    ({"headers": {"A": "b\r\nC: d"}}, "$.apis[0].headers.A", "control character"),
    ({"headers": {"A b": "c"}}, '$.apis[0].headers["A b"]', "pattern"),
    ({"params": {"token": CANARY}}, "$.apis[0].params", "by reference"),
    ({"auth": {"kind": "basc"}}, "$.apis[0].auth.kind", "did you mean 'basic'?"),
    ({"auth": {}}, "$.apis[0].auth.kind", "is missing"),
    ({"auth": []}, "$.apis[0].auth", "at least 1"),
    ({"auth": {"kind": "bearer", "token": CANARY}}, "$.apis[0].auth.token", "must be a reference"),
    (
        {"auth": {"kind": "bearer", "token": {"env": "A", "block": "b"}}},
        "$.apis[0].auth.token",
        "needs either",
    ),
    ({"auth": {"kind": "bearer", "token": {"evn": "A"}}}, "$.apis[0].auth.token.evn", "did you mean 'env'?"),
    ({"auth": [{"kind": "none"}, {"kind": "query", "name": "k"}]}, "$.apis[0].auth[1].value", "is missing"),
    ({"records": []}, "$.apis[0].records", "at least 1"),
    ({"enabled": "yes"}, "$.apis[0].enabled", "boolean"),
]


@pytest.mark.parametrize(("change", "path", "said"), WRONG, ids=lambda value: str(value)[:40])
def test_problems_are_reported_with_their_path(
    write_config: WriteConfig, change: dict[str, Any], path: str, said: str
) -> None:
    problems = problems_of(write_config({**SEED, **change}))
    matching = [text for where, text in problems.items() if where.startswith(path)]
    assert matching
    assert any(said in text for text in matching), problems


def test_all_problems_are_reported_at_once(write_config: WriteConfig) -> None:
    one = {**SEED, "format": "jsn", "output_folder": "/a"}
    twin = {**SEED, "name": "7 DAY forecast all zones ", "extra": 1}
    problems = problems_of(
        write_config(one, twin, {"name": "x"}, 5, defaults={"max_attempts": 0, "nonsense": 1}, apsi=[])
    )
    assert set(problems) == {
        "$.apsi",
        "$.defaults.max_attempts",
        "$.defaults.nonsense",
        "$.apis[0].format",
        "$.apis[0].output_folder",
        "$.apis[1].extra",
        "$.apis[1].name",
        "$.apis[2].url",
        "$.apis[2].output_folder",
        "$.apis[2].csv_prefix",
        "$.apis[3]",
    }


def test_keys_are_checked_against_each_other_in_valid_entries_only(
    write_config: WriteConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    unset = {"kind": "bearer", "token": {"env": "NOT_SET_ANYWHERE"}}
    one = {**SEED, "url": "https://example.com/{strt}", "auth": unset}
    two = {**SEED, "name": "two", "csv_prefix": "two", "history_url": "https://x.test/{start}", "dats": {}}
    two["auth"] = {"kind": "basc"}
    three = {**SEED, "name": "three", "csv_prefix": "three", "url": "https://example.com/", "auth": unset}
    off = {**three, "name": "off", "csv_prefix": "off", "enabled": False, "formt": "csv"}
    file = write_config(one, two, three, off, 5)
    with pytest.raises(ConfigError) as raised:
        check_configuration(file)
    assert sorted((problem.path, problem.cause) for problem in raised.value.problems) == [
        (
            "$.apis[0].auth",
            f"environment variable NOT_SET_ANYWHERE is not set; needed by '{SEED['name']}', 'three'",
        ),
        ("$.apis[0].url", "holds the unknown placeholder {strt}"),
        ("$.apis[1].auth.kind", "'basc' is not valid here"),
        ("$.apis[1].dats", "unknown key 'dats'"),
        ("$.apis[3].formt", "unknown key 'formt'"),
        ("$.apis[4]", "is not an object"),
    ]

    with pytest.raises(ConfigError) as raised:
        check_configuration(write_config({**three, "skip_rows": 1}), ["three"])
    assert [problem.path for problem in raised.value.problems] == ["$.apis[0].skip_rows", "$.apis[0].auth"]
    # the missing API may be an entry that is not valid
    for names in (["three"], ["three", "thre"]):
        with pytest.raises(ConfigError) as raised:
            check_configuration(write_config({**three, "formt": "csv"}), names)
        assert [problem.path for problem in raised.value.problems] == ["$.apis[0].formt"]


def test_problems_of_defaults_are_reported_without_their_consequences(
    write_config: WriteConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ISONE_API_USERNAME", raising=False)
    templated = {
        **SEED,
        "name": "b",
        "csv_prefix": "b",
        "history_url": "https://webservices.iso-ne.com/{start}",
    }
    defaults = {"auth": {"kind": "basik"}, "dates": {"unit": "dayy"}}
    with pytest.raises(ConfigError) as raised:
        check_configuration(write_config(SEED, templated, defaults=defaults))
    assert [problem.path for problem in raised.value.problems] == [
        "$.defaults.auth.kind",
        "$.defaults.dates.unit",
    ]
    with pytest.raises(ConfigError) as raised:
        check_configuration(write_config({**SEED, "enabled": "no"}))
    assert [problem.path for problem in raised.value.problems] == ["$.apis[0].enabled"]


def test_deeply_nested_values_are_reported(write_config: WriteConfig) -> None:
    nested: Any = "x"
    for _ in range(300):
        nested = [nested]
    assert "$.apis[0]" in problems_of(write_config({**SEED, "records": nested}))


def test_header_names_are_compared_without_regard_to_case(write_config: WriteConfig) -> None:
    defaults = {"headers": {"Accept": "text/csv", "X-Region": "ne"}}
    (api,) = load_config(write_config({**SEED, "headers": {"accept": "text/x"}}, defaults=defaults)).apis
    assert api.headers == {"X-Region": "ne", "accept": "text/x"}
    problems = problems_of(write_config({**SEED, "headers": {"Accept": "a", "accept": "b"}}))
    assert "is the same header as Accept" in problems["$.apis[0].headers.accept"]


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://127.0.0.1:8080/api"},
        {"url": "http://localhost/api"},
        {"url": "http://[::1]:8080/api"},
        {"url": "http://example.com/api", "allow_insecure": True},
    ],
    ids=lambda change: change["url"],
)
def test_plain_http_is_for_this_machine_or_by_permission(
    write_config: WriteConfig, change: dict[str, Any]
) -> None:
    (api,) = load_config(write_config({**SEED, **change})).apis
    assert api.url == change["url"]


def test_two_apis_cannot_store_under_the_same_names(write_config: WriteConfig) -> None:
    folder = SEED["output_folder"]
    other = {**SEED, "name": "other", "output_folder": f"{folder}/"}
    assert (
        "$.apis[0] has the same output_folder"
        in problems_of(write_config(SEED, other))["$.apis[1].output_folder"]
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("{", "line 1 column 2"),
        ("[]", "must hold an object"),
        ('{"apis": []}', "at least one API"),
        ('{"apis": {}}', "must be a list"),
        ('{"apis": [], "apis": []}', "occurs twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"apis": [{"max_attempts": NaN}]}', "it holds NaN"),
        ('{"apis": [{"max_attempts": 1' + "0" * 5000 + "}]}", "a number too long"),
        ('{"apis": [{"name": "\\ud800"}]}', "unpaired surrogate"),
    ],
    ids=lambda value: value[:25],
)
def test_files_that_are_not_a_configuration_are_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text, encoding="utf-8")
    assert any(said in told for told in problems_of(file).values())


def test_a_byte_order_mark_is_no_part_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"apis": [SEED]}), encoding="utf-8-sig")
    assert [api.name for api in load_config(file).apis] == [SEED["name"]]


def test_a_missing_or_undecodable_file(tmp_path: Path) -> None:
    assert "no such file" in problems_of(tmp_path / "nowhere.json")[""]
    assert "directory" in problems_of(tmp_path)[""]
    file = tmp_path / "latin.json"
    file.write_bytes(b'{"apis": "\xe9"}')
    assert "not UTF-8" in problems_of(file)[""]


def test_defaults_are_taken_where_an_api_says_nothing(write_config: WriteConfig) -> None:
    own = {**SEED, "max_attempts": 2, "headers": {"B": "own", "C": "own"}}
    file = write_config(
        own, defaults={"max_attempts": 7, "timeout_seconds": 9, "headers": {"A": "d", "B": "d"}}
    )
    (api,) = load_config(file).apis
    assert (api.max_attempts, api.timeout_seconds) == (2, 9)
    assert api.headers == {"A": "d", "B": "own", "C": "own"}


def test_problems_of_defaults_are_reported_once(write_config: WriteConfig) -> None:
    other = {**SEED, "name": "other", "csv_prefix": "other"}
    faulty = {"headers": {"A b": "c"}, "auth": {"kind": "basc"}, "format": "jsn", "time out": 1, "url": "x"}
    assert set(problems_of(write_config(SEED, other, defaults=faulty))) == {
        '$.defaults.headers["A b"]',
        "$.defaults.auth.kind",
        "$.defaults.format",
        '$.defaults["time out"]',
        "$.defaults.url",
    }


def test_unset_variables_are_reported_before_any_run(
    write_config: WriteConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ISONE_API_USERNAME", raising=False)
    monkeypatch.setenv("ISONE_API_PASSWORD", "")
    file = write_config(SEED, {**SEED, "name": "off", "csv_prefix": "off", "enabled": False})
    with pytest.raises(ConfigError) as raised:
        check_configuration(file)
    told = [str(problem) for problem in raised.value.problems]
    assert len(told) == 2
    assert all("$.apis[0].auth" in line and "'7 day forecast all zones'" in line for line in told)
    # .env will do, and the process's own environment goes before it
    (tmp_path / ".env").write_text(f"ISONE_API_USERNAME=from-file\nISONE_API_PASSWORD={CANARY}\n")
    monkeypatch.delenv("ISONE_API_PASSWORD")
    assert check_configuration(file).apis
    monkeypatch.setenv("ISONE_API_USERNAME", "from-process")
    assert environment()["ISONE_API_USERNAME"] == "from-process"


def test_secrets_come_from_variables_and_blocks_and_stay_out_of_sight(write_config: WriteConfig) -> None:
    auth = [
        {"kind": "header", "name": "K", "value": {"env": "KEY"}},
        {"kind": "bearer", "token": {"block": "service"}},
    ]
    config = load_config(write_config({**SEED, "auth": auth}))
    secrets = resolve_secrets(
        config, config.apis, {"KEY": CANARY}, {"service": {"token": SecretStr("t0ken")}}.__getitem__
    )
    header, bearer = config.apis[0].auth_entries
    assert header.kind == "header"
    assert bearer.kind == "bearer"
    assert secrets.value(header.value, "value") == CANARY
    assert secrets.value(bearer.token, "token") == "t0ken"
    assert CANARY not in repr(secrets)
    assert secrets.redact(f"see {CANARY} and t0ken") == "see *** and ***"


@pytest.mark.parametrize(
    ("block", "said"),
    [({}, "holds no token"), (None, "no such block"), ({"token": SecretStr("a\nb")}, "control character")],
    ids=["empty", "absent", "line break"],
)
def test_a_block_that_cannot_be_used(write_config: WriteConfig, block: Any, said: str) -> None:
    def load(_: str) -> Any:
        if block is None:
            raise LookupError("there is no such block")
        return block

    config = load_config(write_config({**SEED, "auth": {"kind": "bearer", "token": {"block": "service"}}}))
    with pytest.raises(ConfigError, match=said):
        resolve_secrets(config, config.apis, {}, load)


def apis_named(*names: str, **options: Any) -> tuple[ApiConfig, ...]:
    return tuple(
        ApiConfig.model_validate({**SEED, "name": name, "output_folder": f"folder of {name}", **options})
        for name in names
    )


def test_apis_are_selected_by_name_or_folder_in_the_configurations_order() -> None:
    apis = apis_named("Fuel Mix", "LMP", "Load")
    assert select_apis(apis, [" load", "FOLDER OF FUEL MIX", "LOAD "]) == (apis[0], apis[2])
    assert select_apis(apis, None) == apis


def test_a_name_goes_before_another_apis_folder() -> None:
    by_folder, by_name = apis_named("LMP", "folder of LMP")
    assert select_apis((by_folder, by_name), ["folder of lmp"]) == (by_name,)


def test_a_disabled_api_runs_only_when_it_is_named() -> None:
    apis = (*apis_named("on"), *apis_named("off", enabled=False))
    assert select_apis(apis, None) == apis[:1]
    assert select_apis(apis, ["off"]) == apis[1:]
    with pytest.raises(ConfigError, match="no API is enabled"):
        select_apis(apis[1:], None)


def test_a_selection_that_matches_nothing_is_refused() -> None:
    apis = apis_named("Fuel Mix", "LMP")
    with pytest.raises(ConfigError, match="empty list"):
        select_apis(apis, [])
    with pytest.raises(ConfigError) as raised:
        select_apis(apis, ["Fule Mix", "zzzzz"])
    assert "did you mean 'Fuel Mix'?" in str(raised.value)
    assert "configured: 'Fuel Mix', 'LMP'" in str(raised.value)
    assert len(raised.value.problems) == 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
keys = st.sampled_from([*ApiConfig.model_fields, "kind", "env", "other"])


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(keys, json_values | st.dictionaries(keys, json_values, max_size=4), max_size=8))
def test_any_entry_loads_or_is_refused_by_name(tmp_path_factory: pytest.TempPathFactory, entry: Any) -> None:
    file = tmp_path_factory.mktemp("config") / "config.json"
    file.write_text(json.dumps({"apis": [entry], "defaults": entry}), encoding="utf-8")
    problems = None
    try:
        load_config(file)
    except ConfigError as error:
        problems = error.problems
    assert problems != ()
    assert all(problem.where == str(file) and problem.cause for problem in problems or ())


@settings(deadline=None)
@given(document=json_values.map(json.dumps) | st.text())
def test_any_file_loads_or_is_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, document: str
) -> None:
    file = tmp_path_factory.mktemp("config") / "config.json"
    file.write_text(document, encoding="utf-8")
    # nothing drawn here is a whole configuration
    assert problems_of(file)


@settings(deadline=None)
@given(folder=st.text(max_size=30), prefix=st.text(max_size=30))
def test_any_accepted_folder_keeps_its_objects_inside(folder: str, prefix: str) -> None:
    try:
        api = ApiConfig.model_validate({**SEED, "output_folder": folder, "csv_prefix": prefix})
    except ValueError:
        return
    parts = object_key(api.output_folder, api.csv_prefix, "20240101_000000").split("/")
    assert not {"", ".", ".."} & set(parts)
    assert parts[:-1] == api.output_folder.split("/")
