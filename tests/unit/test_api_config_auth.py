"""Secrets: named in a configuration, never written in it, never shown."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from flows.api_config import ConfigError, Problem, Settings, environment, load_config, resolve_secrets

WriteConfig = Callable[..., Path]
PLAIN = {
    "name": "load",
    "url": "https://example.com/api",
    "output_folder": "load",
    "csv_prefix": "load",
}
CANARY = "canary-4711"
REFERENCE = {"env": "SERVICE_SECRET"}
KINDS: dict[str, dict[str, Any]] = {
    "basic": {"kind": "basic", "username": REFERENCE, "password": REFERENCE},
    "header": {"kind": "header", "name": "X-Key", "value": REFERENCE},
    "query": {"kind": "query", "name": "api_key", "value": REFERENCE},
    "bearer": {"kind": "bearer", "token": REFERENCE},
}
SECRET_FIELDS = [
    (kind, field) for kind, entry in KINDS.items() for field, value in entry.items() if value == REFERENCE
]


def refused(file: Path) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        load_config(file)
    return raised.value


def load_nothing(name: str) -> Any:
    raise LookupError("there is no such block")


@pytest.mark.parametrize("kind", [*KINDS, "none"])
def test_each_kind_is_accepted_alone_and_in_a_list(write_config: WriteConfig, kind: str) -> None:
    entry = KINDS.get(kind, {"kind": "none"})
    for auth in (entry, [entry]):
        (api,) = load_config(write_config({**PLAIN, "auth": auth})).apis
        assert [used.kind for used in api.auth_entries] == [kind]


@pytest.mark.parametrize(
    "written",
    [CANARY, [CANARY], {"value": CANARY}, {"env": f"{CANARY}!"}, {"block": f"{CANARY}!"}, {CANARY: "env"}],
    ids=["text", "list", "object", "as variable", "as block", "as key"],
)
@pytest.mark.parametrize(("kind", "field"), SECRET_FIELDS)
def test_a_literal_secret_is_refused_and_not_shown(
    write_config: WriteConfig, kind: str, field: str, written: Any
) -> None:
    error = refused(write_config({**PLAIN, "auth": {**KINDS[kind], field: written}}))
    (problem,) = error.problems
    assert problem.path.startswith(f"$.apis[0].auth.{field}")
    if written != {CANARY: "env"}:
        assert CANARY not in f"{error} {error!r}"


@pytest.mark.parametrize("name", ["Authorization", "X-API-Key", "Ocp-Apim-Subscription-Key", "cookie"])
@pytest.mark.parametrize("place", ["headers", "params"])
def test_a_secret_in_headers_or_parameters_is_refused_and_not_shown(
    write_config: WriteConfig, place: str, name: str
) -> None:
    sent = {place: {name: CANARY}}
    by_api = refused(write_config({**PLAIN, **sent}))
    by_default = refused(write_config(PLAIN, defaults=sent))
    assert [problem.path.startswith(f"$.apis[0].{place}") for problem in by_api.problems] == [True]
    assert [problem.path.startswith(f"$.defaults.{place}") for problem in by_default.problems] == [True]
    assert CANARY not in f"{by_api} {by_default}"


@pytest.mark.parametrize("kind", KINDS)
def test_all_missing_fields_of_an_auth_kind_are_reported(write_config: WriteConfig, kind: str) -> None:
    error = refused(write_config({**PLAIN, "auth": [{"kind": kind}]}))
    needed = {f"$.apis[0].auth[0].{field}" for field in KINDS[kind] if field != "kind"}
    assert {problem.path for problem in error.problems} == needed


@pytest.mark.parametrize("kind", KINDS)
def test_the_nearest_field_is_suggested_for_a_misspelt_one(write_config: WriteConfig, kind: str) -> None:
    *_, field = KINDS[kind]
    error = refused(write_config({**PLAIN, "auth": {**KINDS[kind], f"{field}s": REFERENCE}}))
    assert [(problem.path, problem.suggestion) for problem in error.problems] == [
        (f"$.apis[0].auth.{field}s", f"did you mean '{field}'?")
    ]


@pytest.mark.parametrize(("kind", "field"), SECRET_FIELDS)
def test_a_blocks_field_is_the_one_the_kind_needs(write_config: WriteConfig, kind: str, field: str) -> None:
    auth = {**KINDS[kind], field: {"block": "service"}}
    config = load_config(write_config({**PLAIN, "auth": auth}))
    block_field = "api_key" if field == "value" else field
    block = {"username": SecretStr("u"), "password": SecretStr("p"), "token": SecretStr("t")}
    blocks = {"service": {**block, "api_key": SecretStr("k"), block_field: SecretStr(CANARY)}}
    secrets = resolve_secrets(config, config.apis, {"SERVICE_SECRET": "s"}, blocks.__getitem__)
    (entry,) = config.apis[0].auth_entries
    assert secrets.value(getattr(entry, field), field) == CANARY


def test_all_missing_secrets_are_reported_at_once(write_config: WriteConfig) -> None:
    wanting = {**PLAIN, "auth": [KINDS["bearer"], {**KINDS["header"], "value": {"block": "service"}}]}
    twin = {**PLAIN, "name": "twin", "csv_prefix": "twin", "auth": KINDS["bearer"]}
    with_break = {"kind": "bearer", "token": {"env": "WITH_BREAK"}}
    broken = {**PLAIN, "name": "broken", "csv_prefix": "broken", "auth": with_break}
    config = load_config(write_config(wanting, twin, broken))
    with pytest.raises(ConfigError) as raised:
        resolve_secrets(config, config.apis, {"WITH_BREAK": f"{CANARY}\nx"}, load_nothing)
    assert [(problem.path, problem.cause) for problem in raised.value.problems] == [
        (
            "$.apis[0].auth",
            "environment variable SERVICE_SECRET is not set; needed by 'load', 'twin'",
        ),
        ("$.apis[0].auth", "'load' needs value from block 'service': there is no such block"),
        (
            "$.apis[2].auth",
            "'broken' token from environment variable WITH_BREAK holds a control character",
        ),
    ]
    assert CANARY not in str(raised.value)


def test_only_the_chosen_apis_secrets_are_needed(write_config: WriteConfig) -> None:
    other = {**PLAIN, "name": "other", "csv_prefix": "other", "auth": KINDS["bearer"]}
    config = load_config(write_config(PLAIN, other))
    assert resolve_secrets(config, config.apis[:1], {}, load_nothing).values == {}


def test_redacting_leaves_no_part_of_a_longer_secret(write_config: WriteConfig) -> None:
    auth = {"kind": "basic", "username": {"env": "USER_NAME"}, "password": {"env": "PASS_WORD"}}
    config = load_config(write_config({**PLAIN, "auth": auth}))
    variables = {"USER_NAME": "canary", "PASS_WORD": CANARY}
    secrets = resolve_secrets(config, config.apis, variables, load_nothing)
    assert secrets.redact(f"canary said {CANARY}") == "*** said ***"


def test_an_env_file_that_is_not_utf_8_is_reported_without_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(f"ISONE_API_PASSWORD={CANARY}".encode() + b"\xe9\n")
    for read in (environment, Settings):
        with pytest.raises(ConfigError, match=r"^\.env: is not UTF-8 text \(byte 30\)") as raised:
            read()
        assert CANARY not in str(raised.value)
        assert raised.value.__suppress_context__


words = st.sampled_from(["env", "block", "value", "token", "kind", "bearer", "basic", CANARY])
values = st.recursive(
    words | st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.data())
def test_an_auth_entry_with_anything_in_place_of_anything_is_refused_or_loaded(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    entry = copy.deepcopy(data.draw(st.sampled_from(list(KINDS.values()))))
    entry[data.draw(st.sampled_from(list(entry)) | words)] = data.draw(values)
    auth = data.draw(st.sampled_from([entry, [entry], [KINDS["header"], entry]]))
    file = tmp_path_factory.mktemp("config") / "config.json"
    file.write_text(json.dumps({"apis": [{**PLAIN, "auth": auth}]}), encoding="utf-8")
    problems: tuple[Problem, ...] = ()
    kinds: set[str] = set()
    try:
        kinds = {used.kind for used in load_config(file).apis[0].auth_entries}
    except ConfigError as error:
        problems = error.problems
    assert bool(problems) != bool(kinds)
    assert kinds <= {*KINDS, "none"}
    assert all(problem.path.startswith("$.apis[0].auth") for problem in problems)
