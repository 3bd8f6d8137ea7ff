"""Secrets of every kind and services that echo them: each is sent, and none is printed, logged or stored."""

from __future__ import annotations

import base64
import html
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send
from typer.testing import CliRunner

from blocks.api_credentials import ApiCredentials
from flows.__main__ import app
from flows.process.prefect_server import EmbeddedPrefectServer
from flows.sandbox.loopback_server import LoopbackServer
from flows.sandbox.s3_identities import S3Identity
from flows.sandbox.s3_server import EmbeddedS3
from tests.commands import StartedCommand
from tests.conftest import eventually

# letters and digits only, so that it reads the same however it is escaped
STEM = "C4n4ry4711"
SECRETS = {
    name: f'{STEM}-{name}/&+"ü 1'
    for name in ("password", "header", "query", "bearer", "grant-password", "client-secret", "api-token")
}
USERNAME, GRANT_USERNAME = f"{STEM}-user", f"{STEM}-grant-user"
S3_SECRET, S3_SESSION_TOKEN = f"{STEM}/s3+secret", f"{STEM}/session+token=="
BUCKET = "secrets"

REF = {name: {"env": name.upper().replace("-", "_")} for name in SECRETS}
KINDS: dict[str, dict[str, Any]] = {
    "basic": {"kind": "basic", "username": {"env": "USERNAME_OF_API"}, "password": REF["password"]},
    "header": {"kind": "header", "name": "X-Key", "value": REF["header"]},
    "query": {"kind": "query", "name": "api_key", "value": REF["query"]},
    "bearer": {"kind": "bearer", "token": REF["bearer"]},
    "block": {"kind": "bearer", "token": {"block": "canary"}},
    "password-grant": {
        "kind": "oauth2_password",
        "username": {"env": "GRANT_USERNAME"},
        "password": REF["grant-password"],
    },
    "client-grant": {
        "kind": "oauth2_client_credentials",
        "client_id": "me",
        "client_secret": REF["client-secret"],
    },
}


class EchoingService:
    """Echoes the credentials of a request in the way that its path names: `/{kind}/{mode}`."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        kind, _, mode = request.url.path.strip("/").partition("/")
        if mode.startswith("token"):
            form = (await request.body()).decode()
            self.seen[f"{kind} grant"] = form
            refused = Response(f"the form was {form}", 400)
            granted = JSONResponse({"access_token": f"{STEM}-token-of-{kind}", "expires_in": 3600})
            await (refused if mode == "token-refused" else granted)(scope, receive, send)
            return
        headers = request.headers
        sent = headers.get("authorization") or headers.get("x-key") or request.query_params.get("api_key", "")
        sent = sent.removeprefix("Bearer ")
        self.seen[kind] = sent
        await self._answer(mode, sent, str(request.url))(scope, receive, send)

    def _answer(self, mode: str, sent: str, url: str) -> Response:
        quoted = quote(sent, safe="")
        as_json = json.dumps(sent)
        rows = [{"hour": 1, "mw": 2.5}] * 2
        answers: dict[str, Response] = {
            "refused": Response(f"{sent} is refused, at {url}", 401),
            "conflict": Response(f"{sent} is not alone, at {url}", 409),
            "page": Response(f"<html><body>{html.escape(sent)} at {url}</body></html>"),
            "error": JSONResponse({"error": f"{sent}, {base64.b64encode(sent.encode()).decode()}"}),
            "cut": Response("x" * 170 + f" {quoted * 3}", 400),
            "redirect": RedirectResponse(f"http://127.0.0.1:9/?k={quote_plus(sent)}"),
            "elsewhere": Response(headers={"location": f"ftp://{quoted}/"}, status_code=302),
            "broken": Response(f'{{"rows": [{as_json}, {{', media_type="application/json"),
            "linked": JSONResponse({"rows": rows, "next": f"{self.url}/x/error?k={quote_plus(sent)}"}),
            "linked-away": JSONResponse({"rows": rows, "next": f"http://127.0.0.1:9/?k={quoted}"}),
        }
        return answers.get(mode, JSONResponse({"rows": rows}))


MODES: dict[str, dict[str, Any]] = {
    "fine": {"key_columns": ["hour"]},
    "refused": {},
    "conflict": {},
    "page": {},
    "error": {"error_when": {"at": "error"}},
    "cut": {},
    "redirect": {},
    "elsewhere": {},
    "broken": {},
    "linked": {"pagination": {"kind": "next_link", "link": "next"}, "error_when": {"at": "error"}},
    "linked-away": {"pagination": {"kind": "next_link", "link": "next"}},
}


# the other kinds differ only in how they are sent
ECHOED_IN_EVERY_MODE = {"basic", "query", "password-grant"}


async def s3_that_echoes_the_session_token(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    await request.body()
    token = request.headers.get("x-amz-security-token", "no token")
    words = html.escape(f"{token} and {quote(token, safe='')} are not known here")
    body = f"<Error><Code>StrangeToken</Code><Message>{words}</Message></Error>"
    await Response(body, 400, media_type="application/xml")(scope, receive, send)


@pytest.fixture
def service() -> Iterator[EchoingService]:
    service = EchoingService()
    with LoopbackServer(service) as server:
        service.url = server.base_url
        yield service


@pytest.fixture
def own_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedS3]:
    """A server with a user whose key is a canary."""
    user = S3Identity("canary", "CANARYKEY0001", S3_SECRET)
    with EmbeddedS3(tmp_path_factory.mktemp("s3"), [user]) as server:
        server.create_bucket(BUCKET)
        yield server


def configuration_for(service: EchoingService) -> dict[str, Any]:
    def entry(kind: str, mode: str, token: str = "token", **options: Any) -> dict[str, Any]:
        name = f"{kind} {mode}" + ("" if token == "token" else " no token")
        auth = dict(KINDS[kind])
        if "grant" in kind:
            auth["token_url"] = f"{service.url}/{kind}/{token}"
        slug = name.replace(" ", "_")
        url = f"{service.url}/{kind}/{mode}"
        return {"name": name, "url": url, "output_folder": slug, "csv_prefix": slug, "auth": auth, **options}

    apis = [
        entry(kind, mode, **options)
        for kind in KINDS
        for mode, options in MODES.items()
        if kind in ECHOED_IN_EVERY_MODE or mode in {"fine", "conflict", "cut"}
    ]
    apis += [entry(kind, "fine", "token-refused") for kind in KINDS if "grant" in kind]
    # a second attempt, since it logs the error of the first
    return {"apis": apis, "defaults": {"max_attempts": 2}}


def places_of(content: bytes) -> list[str]:
    """The text around each occurrence of a secret, plain or in base64."""
    wanted = [STEM.encode().lower()]
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + STEM.encode())
        # without its first and last letters, which depend on the bytes beside it
        wanted.append(encoded[4 if shift else 0 : -4].lower())
    found = []
    searched = content.lower()
    for text in wanted:
        position = -1
        while (position := searched.find(text, position + 1)) >= 0:
            found.append(content[max(position - 200, 0) : position + 100].decode(errors="replace"))
    return found


def files_under(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())


def test_no_secret_is_shown_logged_or_kept(
    service: EchoingService,
    own_s3: EmbeddedS3,
    prefect_server: EmbeddedPrefectServer,
    prefect_client: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    config_file = work / "api_config.json"
    config_file.write_text(json.dumps(configuration_for(service)), encoding="utf-8")
    variables = {
        **{name.upper().replace("-", "_"): value for name, value in SECRETS.items()},
        "USERNAME_OF_API": USERNAME,
        "GRANT_USERNAME": GRANT_USERNAME,
        "AWS_ENDPOINT_URL_S3": own_s3.endpoint_url,
        "AWS_ACCESS_KEY_ID": "CANARYKEY0001",
        "AWS_SECRET_ACCESS_KEY": S3_SECRET,
        "AWS_REGION": own_s3.region,
        "PREFECT_API_URL": prefect_server.api_url,
        "PREFECT_HOME": str(work / "prefect-client"),
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "PREFECT_LOGGING_ROOT_LEVEL": "DEBUG",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,httpx,httpcore,botocore,boto3,urllib3",
        "NO_COLOR": "1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ApiCredentials(token=f"{STEM}-stored").save("canary", overwrite=True)
    told: list[str] = []

    def run_in_a_process(*arguments: str, **changes: str) -> str:
        options = ["--config", str(config_file), "--bucket", BUCKET]
        environment = {**os.environ, **changes}
        command = StartedCommand(*arguments, *options, folder=work, variables=environment, outputs=tmp_path)
        command.wait(200)
        told.extend((command.output, command.errors))
        return command.output

    results = json.loads(run_in_a_process("run", "--json"))
    by_name = {result["api_name"]: result for result in results["results"]}
    assert len(by_name) == len(configuration_for(service)["apis"])
    fine = [name for name, result in by_name.items() if result["error"] is None]
    assert fine == [f"{kind} fine" for kind in KINDS]
    assert all(by_name[name]["findings"] for name in fine)
    hidden = [name for name, result in by_name.items() if "***" in str(result["error"])]
    assert {name.split()[1] for name in hidden} >= {"conflict", "page", "error", "cut", "broken"}
    # the test proves nothing unless the services have received every secret
    assert {kind for kind, sent in service.seen.items() if places_of(sent.encode())} >= {
        *KINDS,
        "password-grant grant",
        "client-grant grant",
    }

    with LoopbackServer(s3_that_echoes_the_session_token) as strange_s3:
        strange = {"AWS_ENDPOINT_URL_S3": strange_s3.base_url, "AWS_SESSION_TOKEN": S3_SESSION_TOKEN}
        output = run_in_a_process("run", "--api", "basic fine", **strange)
        assert "StrangeToken: *** and *** are not known here" in output
        assert any((work / ".energy-pipeline" / "spool").iterdir())
        with monkeypatch.context() as there, caplog.at_level(logging.DEBUG):
            for name, value in strange.items():
                there.setenv(name, value)
            told += outputs_of(config_file, "status", "status --json", "drain")
        assert "StrangeToken" in told[-1]
    with caplog.at_level(logging.DEBUG):
        told += outputs_of(config_file, "status --json", "preview|basic error", "preview|query broken")
        told += outputs_of(config_file, "preview|basic fine|--json")
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://someone:{STEM}@127.0.0.1:9")
        told += outputs_of(config_file, "status --json")
        assert "does not answer" in told[-1]
        assert "not looked up: listing" in told[-1]
    # in another process, since `temporary_settings` do not reach the threads that probe
    report = run_in_a_process("validate", "--probe", "--json", AWS_ENDPOINT_URL_S3=own_s3.endpoint_url)
    # and one each for the bucket and the spool
    assert len(json.loads(report)["probes"]) == len(by_name) + 2
    told.append(caplog.text)

    database = Path(prefect_server.client_settings["PREFECT_HOME"])
    eventually(lambda: any(results["run_id"].encode() in file.read_bytes() for file in files_under(database)))
    kept = {str(file): file.read_bytes() for file in (*files_under(database), *files_under(work))}
    kept |= {f"output {number}": text.encode() for number, text in enumerate(told)}
    client = own_s3.client()
    for listed in client.list_objects_v2(Bucket=BUCKET)["Contents"]:
        found = client.get_object(Bucket=BUCKET, Key=listed["Key"])
        kept[f"s3 {listed['Key']}"] = json.dumps(found["Metadata"]).encode() + found["Body"].read()
    assert any("prefect.db" in name for name in kept)
    assert any(name.startswith("s3 ") for name in kept)
    leaks = {name: places for name, content in kept.items() if (places := places_of(content))}
    leaks |= {
        f"output {number}": places for number, text in enumerate(told) if (places := places_of(text.encode()))
    }
    assert not leaks, json.dumps({name: places[:3] for name, places in leaks.items()}, indent=1)


def outputs_of(config_file: Path, *commands: str) -> list[str]:
    """The outputs of commands run in this process; `|` separates arguments that contain spaces."""
    found = []
    for command in commands:
        arguments = command.split("|") if "|" in command else command.split()
        options = [] if arguments[0] == "preview" else ["--bucket", BUCKET]
        if arguments[0] != "drain":
            options += ["--config", str(config_file)]
        ended = CliRunner().invoke(app, [*arguments, *options])
        found.append(ended.output + ended.stderr + repr(ended.exception))
    return found
