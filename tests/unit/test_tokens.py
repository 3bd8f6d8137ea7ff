"""OAuth2 tokens over real HTTP: requested once, cached, renewed once when refused, and never shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from flows.api_config import ApiConfig, ResolvedSecrets, secret_references
from flows.http_collector import CollectionError, HttpCollector
from flows.request_plan import plan_collections
from flows.sandbox.loopback_server import LoopbackServer
from tests.conftest import NOW

SECRETS = {
    "username": "user-4711",
    "password": "p4ssw0rd-4712",
    "client_secret": "s3cret-4713",
    "value": "key-4714",
}
TOKEN_PREFIX = "t0ken-"


class TokenService:
    """Hands out numbered tokens, and takes those it has not withdrawn."""

    def __init__(self) -> None:
        self.url = ""
        self.grants: list[dict[str, str]] = []
        self.asked: list[dict[str, str]] = []
        self.withdrawn: set[str] = set()
        self.respond: Callable[[str], Response] = lambda token: JSONResponse(
            {"access_token": token, "expires_in": 3600}
        )
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._token(request) if request.url.path == "/token" else self._data(request)
        await response(scope, receive, send)

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        with self._lock:
            self.grants.append(form)
            return self.respond(f"{TOKEN_PREFIX}{len(self.grants)}")

    def _data(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        with self._lock:
            self.asked.append({"token": token, "key": request.headers.get("x-key", "")})
        if not token.startswith(TOKEN_PREFIX) or token in self.withdrawn:
            return JSONResponse({"message": f"token {token} is not good"}, status_code=401)
        return JSONResponse([{"n": 1}])


@pytest.fixture
def service() -> Iterator[TokenService]:
    service = TokenService()
    with LoopbackServer(service) as running:
        service.url = running.base_url
        yield service


def password_auth(service: TokenService, **options: Any) -> dict[str, Any]:
    entry = {"kind": "oauth2_password", "token_url": f"{service.url}/token", "username": {"env": "U"}}
    return {**entry, "password": {"env": "P"}, "client_id": "me", "scope": "openid me", **options}


def collector_for(service: TokenService, *names: str, auth: Any, **options: Any) -> tuple[HttpCollector, Any]:
    apis = [
        ApiConfig.model_validate(
            {"name": name, "url": f"{service.url}/{name}", "output_folder": name, "csv_prefix": "p"}
            | {"auth": auth, **options}
        )
        for name in names
    ]
    secrets = ResolvedSecrets(
        {
            (reference, name): SecretStr(SECRETS[name])
            for api in apis
            for entry in api.auth_entries
            for name, reference in secret_references(entry)
        }
    )
    collections = plan_collections(apis, "20240101_000000", NOW)
    return HttpCollector(apis, secrets, lambda _: None), [item.requests[0] for item in collections]


def failure_of(service: TokenService, auth: Any, **options: Any) -> str:
    collector, (request,) = collector_for(service, "a", auth=auth, **options)
    with collector, pytest.raises(CollectionError) as raised:
        collector.collect(request)
    said = str(raised.value)
    assert not [secret for secret in SECRETS.values() if secret in said]
    assert TOKEN_PREFIX not in said
    return said


def test_a_password_grant_is_posted_once_for_all_requests(service: TokenService) -> None:
    auth = [
        password_auth(service, params={"response_type": "id_token"}),
        {"kind": "header", "name": "X-Key", "value": {"env": "K"}},
    ]
    collector, requests = collector_for(service, *"abcdefgh", auth=auth)
    with collector, ThreadPoolExecutor(8) as threads:
        list(threads.map(collector.collect, requests))
    assert service.grants == [
        {
            "grant_type": "password",
            "username": SECRETS["username"],
            "password": SECRETS["password"],
            "client_id": "me",
            "scope": "openid me",
            "response_type": "id_token",
        }
    ]
    assert service.asked == [{"token": f"{TOKEN_PREFIX}1", "key": SECRETS["value"]}] * 8


def test_a_client_credentials_grant_takes_the_token_from_the_field_that_is_named(
    service: TokenService,
) -> None:
    service.respond = lambda token: JSONResponse({"id_token": token, "access_token": "another"})
    auth = {
        "kind": "oauth2_client_credentials",
        "token_url": f"{service.url}/token",
        "client_id": "me",
        "client_secret": {"env": "S"},
        "token_field": "id_token",
    }
    collector, (request,) = collector_for(service, "a", auth=auth)
    with collector:
        collector.collect(request)
    assert service.grants == [
        {"grant_type": "client_credentials", "client_id": "me", "client_secret": SECRETS["client_secret"]}
    ]
    assert [asked["token"] for asked in service.asked] == [f"{TOKEN_PREFIX}1"]


def test_a_refused_token_is_renewed_once_within_the_attempt(service: TokenService) -> None:
    collector, (first, second) = collector_for(service, "a", "b", auth=password_auth(service))
    with collector:
        collector.collect(first)
        service.withdrawn.add(f"{TOKEN_PREFIX}1")
        collector.collect(second)
    assert len(service.grants) == 2
    assert [asked["token"] for asked in service.asked] == [f"{TOKEN_PREFIX}{n}" for n in (1, 1, 2)]


def test_a_token_that_is_refused_again_is_a_failure(service: TokenService) -> None:
    service.withdrawn = {f"{TOKEN_PREFIX}{number}" for number in range(1, 9)}
    assert "HTTP 401" in failure_of(service, password_auth(service))
    assert len(service.grants) == 2
    assert len(service.asked) == 2


@pytest.mark.parametrize(("lifetime", "grants"), [(3600, 1), ("3600", 1), (None, 1), (0, 2)])
def test_a_token_is_kept_until_it_expires(
    service: TokenService, monkeypatch: pytest.MonkeyPatch, lifetime: Any, grants: int
) -> None:
    clock = [0.0]
    # this module's clock alone: the server's thread goes on by its own
    monkeypatch.setattr("flows.http_collector.tokens.time", SimpleNamespace(monotonic=lambda: clock[0]))
    service.respond = lambda token: JSONResponse({"access_token": token, "expires_in": lifetime})
    collector, (first, second) = collector_for(service, "a", "b", auth=password_auth(service))
    with collector:
        collector.collect(first)
        clock[0] += 20
        collector.collect(second)
        assert len(service.grants) == grants


@pytest.mark.parametrize("fields", [{"k" * 500_000: 1}, {f"field_{n}": n for n in range(20_000)}])
def test_the_fields_of_a_token_response_are_cut_and_redacted(
    service: TokenService, fields: dict[str, int]
) -> None:
    service.respond = lambda _token: JSONResponse({SECRETS["password"]: 1, "a": 1, **fields})
    collector, (request,) = collector_for(service, "a", auth=password_auth(service))
    with collector, pytest.raises(CollectionError, match="no token in 'access_token'") as raised:
        collector.collect(request)
    assert len(str(raised.value)) < 600
    assert SECRETS["password"] not in str(raised.value)


@pytest.mark.parametrize("lifetime", ["nan", "inf", "-1", 10**400, -(10**400), "soon", None])
def test_an_absurd_lifetime_of_a_token_raises_nothing(service: TokenService, lifetime: object) -> None:
    service.respond = lambda token: JSONResponse({"access_token": token, "expires_in": lifetime})
    collector, (request,) = collector_for(service, "a", auth=password_auth(service))
    with collector:
        assert collector.collect(request).body


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (JSONResponse({"error": "invalid_grant"}, status_code=400), "check the credentials, client_id"),
        (JSONResponse({"id_token": "x"}), "no token in 'access_token'; the fields of its response: id_token"),
        (JSONResponse({"access_token": ""}), "no token in 'access_token'"),
        (JSONResponse({"access_token": "a\r\nX-Injected: 1"}), "no token in 'access_token'"),
        (JSONResponse(["t"]), "not a JSON object with a token"),
        (Response("<html>", media_type="text/html"), "not a JSON object with a token"),
        (Response(b"x" * 1_100_000), "too large for a token"),
        (Response(status_code=307, headers={"Location": "http://127.0.0.1:1/token"}), "HTTP 307"),
    ],
    ids=["refused", "other field", "empty", "injection", "list", "html", "large", "redirect"],
)
def test_without_a_token_the_api_is_not_asked(service: TokenService, response: Response, said: str) -> None:
    service.respond = lambda _: response
    assert said in failure_of(service, password_auth(service))
    assert service.asked == []
    assert len(service.grants) == 1


def test_requests_to_a_failing_token_service_are_retried(service: TokenService) -> None:
    def respond(token: str) -> Response:
        good = JSONResponse({"access_token": token, "expires_in": 60})
        return good if len(service.grants) == 3 else Response(status_code=503)

    service.respond = respond
    collector, (request,) = collector_for(service, "a", auth=password_auth(service))
    with collector:
        collector.collect(request)
    assert (len(service.grants), len(service.asked)) == (3, 1)
