"""OAuth2 bearer tokens: requested once, cached until they expire, renewed when the API refuses them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from flows.api_config import OAuth2PasswordAuth, ResolvedSecrets, TokenAuth
from flows.documents import TooLargeError
from flows.http_collector.errors import AttemptFailedError, failed_exchange, failed_status, provider_message
from flows.http_collector.response_bodies import UnsupportedCodingError, decoded_chunks, error_body_start

# renewed this long before it expires, so that it does not expire in flight
_LEEWAY_SECONDS = 30.0
# where the response has no expires_in
_DEFAULT_LIFETIME_SECONDS = 300.0
_MAX_RESPONSE_BYTES = 1_000_000


@dataclass
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str | None = None
    expires_at: float = 0.0


class TokenStore:
    """The tokens of one run. Thread-safe; each token is requested by one thread only.

    Args:
        secrets: The credentials of the grants.
    """

    def __init__(self, secrets: ResolvedSecrets) -> None:
        self._secrets = secrets
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._seen: set[str] = set()

    def token(self, auth: TokenAuth, client: httpx.Client, timeout: float) -> str:
        """The token to send now, requested if there is none or it is about to expire.

        Raises:
            AttemptFailedError: If the token service gave none.
        """
        entry = self._entry(auth)
        with entry.lock:
            if entry.token is None or time.monotonic() >= entry.expires_at:
                entry.token, lifetime = self._request_token(auth, client, timeout)
                entry.expires_at = time.monotonic() + max(lifetime - _LEEWAY_SECONDS, lifetime / 2)
                with self._lock:
                    self._seen.add(entry.token)
            return entry.token

    def refused(self, auth: TokenAuth, token: str) -> None:
        """Forget a token that the API refused, unless it has been replaced since."""
        entry = self._entry(auth)
        with entry.lock:
            if entry.token == token:
                entry.token = None

    def redact(self, text: str) -> str:
        """`text` with every token and secret replaced."""
        with self._lock:
            seen = tuple(self._seen)
        return self._secrets.redact(text, *seen)

    def _entry(self, auth: TokenAuth) -> _Entry:
        with self._lock:
            return self._entries.setdefault(auth.model_dump_json(), _Entry())

    def _request_token(self, auth: TokenAuth, client: httpx.Client, timeout: float) -> tuple[str, float]:
        shown = self._secrets.redact(auth.token_url)
        try:
            with client.stream(
                "POST",
                auth.token_url,
                data=self._grant(auth),
                headers={"Accept": "application/json"},
                timeout=timeout,
            ) as response:
                if not response.is_success:
                    start = error_body_start(response, _MAX_RESPONSE_BYTES)
                    raise failed_status(response, shown, start, self.redact, advice=_ADVICE)
                document = _decoded(_read(response, shown), shown)
        except httpx.HTTPError as error:
            raise failed_exchange(error, shown, timeout) from None
        except UnsupportedCodingError as error:
            raise AttemptFailedError(f"{shown} {error}", retryable=False) from None
        token = document.get(auth.token_field)
        if not isinstance(token, str) or not token.strip() or not token.isascii() or not token.isprintable():
            fields = provider_message(self.redact(", ".join(sorted(document)))) or "none"
            cause = f"{shown} gave no token in '{auth.token_field}'; the fields of its response: {fields}"
            raise AttemptFailedError(cause, retryable=False)
        return token, _lifetime(document)

    def _grant(self, auth: TokenAuth) -> dict[str, str]:
        if isinstance(auth, OAuth2PasswordAuth):
            grant = {
                "grant_type": "password",
                "username": self._secrets.value(auth.username, "username"),
                "password": self._secrets.value(auth.password, "password"),
            }
        else:
            grant = {
                "grant_type": "client_credentials",
                "client_secret": self._secrets.value(auth.client_secret, "client_secret"),
            }
        if auth.client_id:
            grant["client_id"] = auth.client_id
        if auth.scope:
            grant["scope"] = auth.scope
        return {**grant, **auth.params}


_ADVICE = dict.fromkeys(
    (400, 401, 403), "no token was given: check the credentials, client_id and scope of this API's auth"
)


def _read(response: httpx.Response, shown: str) -> bytes:
    try:
        return b"".join(decoded_chunks(response, _MAX_RESPONSE_BYTES))
    except TooLargeError:
        cause = f"{shown}: the response is too large for a token"
        raise AttemptFailedError(cause, retryable=False) from None


def _decoded(body: bytes, shown: str) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise AttemptFailedError(f"{shown}: the response is not a JSON object with a token", retryable=False)
    return document


def _lifetime(document: Mapping[str, Any]) -> float:
    try:
        # some services write the number as a string
        seconds = float(document["expires_in"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return _DEFAULT_LIFETIME_SECONDS
    return _DEFAULT_LIFETIME_SECONDS if math.isnan(seconds) else max(seconds, 1.0)
