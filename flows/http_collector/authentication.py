"""Adds credentials to a request."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from urllib.parse import unquote_plus, urlencode

import httpx

from flows.api_config import (
    Auth,
    BasicAuth,
    BearerAuth,
    HeaderAuth,
    OAuth2ClientCredentialsAuth,
    OAuth2PasswordAuth,
    QueryAuth,
    ResolvedSecrets,
    TokenAuth,
)


def authenticated(
    url: httpx.URL,
    headers: httpx.Headers,
    entries: Sequence[Auth],
    secrets: ResolvedSecrets,
    token_of: Callable[[TokenAuth], str],
) -> tuple[httpx.URL, httpx.Headers]:
    """A copy of `url` and `headers` with the credentials of every auth entry.

    Args:
        url: The URL of the request.
        headers: Its headers.
        entries: The auth entries of the API.
        secrets: The values they refer to.
        token_of: Returns the token of an OAuth2 entry.
    """
    headers = httpx.Headers(headers)
    for entry in entries:
        match entry:
            case BasicAuth():
                username = secrets.value(entry.username, "username")
                password = secrets.value(entry.password, "password")
                token = base64.b64encode(f"{username}:{password}".encode()).decode()
                headers["Authorization"] = f"Basic {token}"
            case HeaderAuth():
                _set(headers, entry.name, secrets.value(entry.value, "value"))
            case QueryAuth():
                url = _with_query_value(url, entry.name, secrets.value(entry.value, "value"))
            case BearerAuth():
                _set(headers, "Authorization", f"Bearer {secrets.value(entry.token, 'token')}")
            case OAuth2PasswordAuth() | OAuth2ClientCredentialsAuth():
                _set(headers, "Authorization", f"Bearer {token_of(entry)}")
    return url, headers


def _with_query_value(url: httpx.URL, name: str, value: str) -> httpx.URL:
    """Set a query parameter, and leave the others byte for byte: a next link may be signed."""
    parts = url.query.decode().split("&") if url.query else []
    names = [unquote_plus(part.partition("=")[0]) for part in parts]
    kept = [part for part, its_name in zip(parts, names, strict=True) if its_name != name]
    if len(parts) - len(kept) == 1 and unquote_plus(parts[names.index(name)].partition("=")[2]) == value:
        return url
    return url.copy_with(query="&".join([*kept, urlencode({name: value})]).encode())


def _set(headers: httpx.Headers, name: str, value: str) -> None:
    # as bytes: httpx refuses text that is not ASCII, and its error shows the text
    headers.update([(name.encode(), value.encode())])


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether two URLs share scheme, host and port, so that both may get the credentials."""
    return (one.scheme, one.host, _port(one)) == (other.scheme, other.host, _port(other))


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)
