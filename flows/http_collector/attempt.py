"""One attempt at a request, within its deadline and size limit, redirects included."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from flows.api_config import ResolvedSecrets, TokenAuth, is_loopback
from flows.documents import Document, TooLargeError
from flows.http_collector.authentication import authenticated, same_origin
from flows.http_collector.deadlines import BoundedClient
from flows.http_collector.errors import (
    UNUSABLE_STATUSES,
    AttemptFailedError,
    failed_exchange,
    failed_status,
    provider_message,
    timed_out,
    unusable_status,
)
from flows.http_collector.redirects import is_redirect_inward, network_name
from flows.http_collector.response import Response
from flows.http_collector.response_bodies import (
    UnsupportedCodingError,
    decoded_chunks,
    error_body_start,
    is_end_known,
)
from flows.http_collector.response_classification import classify_response
from flows.http_collector.tokens import TokenStore
from flows.request_plan import CollectionRequest

MAX_REDIRECTS = 5
# enough for TCP to send a lost SYN three more times
CONNECT_SECONDS = 8.0
# the headers that are sent to other origins too
_PUBLIC_HEADERS = frozenset({"accept", "accept-language", "user-agent"})


def full_url(request: CollectionRequest) -> httpx.URL:
    """The URL of a request with all its parameters, without credentials."""
    url = httpx.URL(request.url)
    # merging encodes the whole query anew, and a next link must be sent as it came
    return url.copy_merge_params(request.params) if request.params else url


@dataclass(frozen=True)
class _Redirect:
    url: httpx.URL


class _TokenRefusedError(Exception):
    """The API refused a token."""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a request.

    Attributes:
        request: The request.
        client: Sends it.
        secrets: The API's credentials.
        tokens: The OAuth2 tokens of the run.
        shown_url: The URL for messages, without secrets.
        seconds: The time allowed, from connecting to the last byte.
    """

    request: CollectionRequest
    client: BoundedClient
    secrets: ResolvedSecrets
    tokens: TokenStore
    shown_url: str
    seconds: float

    def response(self) -> Response:
        """Send the request and read the response; a token that is refused is renewed once.

        Raises:
            AttemptFailedError: For any other outcome.
        """
        deadline = time.monotonic() + self.seconds
        try:
            return self._follow(deadline, may_renew=True)
        except _TokenRefusedError:
            return self._follow(deadline, may_renew=False)

    def _follow(self, deadline: float, *, may_renew: bool) -> Response:
        url = full_url(self.request)
        if self.request.linked_from:
            self._check_target(httpx.URL(self.request.linked_from), url, "is a link")
        for _ in range(MAX_REDIRECTS + 1):
            try:
                found = self._exchange(url, deadline, may_renew=may_renew)
            except httpx.HTTPError as error:
                asked = self.shown_url
                if isinstance(error, httpx.ConnectError) and self.client.has_proxy_for(url):
                    asked += " through the proxy that the environment names"
                raise failed_exchange(error, asked, self.seconds) from None
            except UnsupportedCodingError as error:
                raise self._failure(str(error)) from None
            except httpx.InvalidURL:
                raise self._failure("redirects to something that is not a URL") from None
            if isinstance(found, Response):
                return found
            self._check_target(url, found.url, "redirects")
            url = found.url
        raise self._failure(f"redirects more than {MAX_REDIRECTS} times")

    def _exchange(self, url: httpx.URL, deadline: float, *, may_renew: bool) -> Response | _Redirect:
        # as bytes, since httpx encodes text as ASCII
        headers = httpx.Headers([(name.encode(), value.encode()) for name, value in self.request.headers])
        api = self.request.api
        asked_url = url
        sent_tokens: list[tuple[TokenAuth, str]] = []

        def token_of(entry: TokenAuth) -> str:
            token = self.tokens.token(entry, self.client, self._seconds_left(deadline))
            sent_tokens.append((entry, token))
            return token

        if same_origin(url, httpx.URL(self.request.linked_from or self.request.url)):
            asked_url, headers = authenticated(url, headers, api.auth_entries, self.secrets, token_of)
        else:
            headers = httpx.Headers([item for item in headers.multi_items() if item[0] in _PUBLIC_HEADERS])
        seconds_left = self._seconds_left(deadline)
        timeout = httpx.Timeout(seconds_left, connect=min(seconds_left, CONNECT_SECONDS))
        with self.client.stream("GET", asked_url, headers=headers, timeout=timeout) as response:
            if response.has_redirect_location:
                return _Redirect(url.join(response.headers["Location"]))
            if response.status_code == httpx.codes.UNAUTHORIZED and sent_tokens:
                for entry, token in sent_tokens:
                    self.tokens.refused(entry, token)
                if may_renew:
                    raise _TokenRefusedError
            if not response.is_success:
                return self._error_response(response)
            return self._successful_response(response, deadline, url)

    def _successful_response(self, response: httpx.Response, deadline: float, url: httpx.URL) -> Response:
        document = self._document(self._read(response, deadline), response)
        classification = classify_response(self.request.api, response.status_code, document)
        if classification is None:
            if response.status_code in UNUSABLE_STATUSES:
                raise unusable_status(response, self.shown_url)
            return self._usable(document, _next_url(url, response), is_end_known=is_end_known(response))
        if classification.is_empty:
            return self._usable(self._document(b"", response))
        message = provider_message(self.tokens.redact(classification.message))
        raise self._failure(": ".join(filter(None, ("returned an error", message))))

    def _error_response(self, response: httpx.Response) -> Response:
        start = error_body_start(response, self._max_bytes)
        document = self._document(start, response)
        classification = classify_response(self.request.api, response.status_code, document)
        is_unpublished = (
            self.request.may_be_unpublished
            and response.status_code == httpx.codes.NOT_FOUND
            and classification is None
        )
        if is_unpublished or (classification and classification.is_empty):
            return self._usable(self._document(b"", response), is_unpublished=is_unpublished)
        message = classification.message if classification else ""
        # the start of an error response may end within a character
        start = document.readable_body(strict=False)
        raise failed_status(response, self.shown_url, start, self.tokens.redact, message=message)

    def _usable(self, document: Document, next_url: str | None = None, **facts: bool) -> Response:
        return Response(document, self.shown_url, datetime.now(UTC), next_url, **facts)

    def _document(self, body: bytes, response: httpx.Response) -> Document:
        api = self.request.api
        return Document(body, api.format, response.charset_encoding, api.skip_rows)

    def _seconds_left(self, deadline: float) -> float:
        return max(deadline - time.monotonic(), 0.001)

    def _read(self, response: httpx.Response, deadline: float) -> bytes:
        chunks = []
        try:
            for chunk in decoded_chunks(response, self._max_bytes):
                if time.monotonic() > deadline:
                    raise timed_out(self.shown_url, self.seconds)
                chunks.append(chunk)
        except TooLargeError:
            limit = f"max_response_mb ({self.request.api.max_response_mb:g} MB)"
            raise self._failure(f"returned more than {limit}") from None
        return b"".join(chunks)

    @property
    def _max_bytes(self) -> int:
        return int(self.request.api.max_response_mb * 1e6)

    def _check_target(self, from_url: httpx.URL, to_url: httpx.URL, leads: str) -> None:
        if to_url.scheme not in {"http", "https"} or not to_url.host:
            raise self._failure(f"{leads} to something that is not http(s)")
        # as bytes: the form in which the name is resolved to connect to it
        from_host, to_host = from_url.raw_host.decode(), to_url.raw_host.decode()
        addresses = self.client.addresses
        if not self.request.api.allow_local_redirects and is_redirect_inward(from_host, to_host, addresses):
            raise self._failure(
                f"{leads} to {network_name(to_host, addresses)} ({to_url.host}): "
                'set "allow_local_redirects": true if that is intended'
            )
        is_downgrade = from_url.scheme == "https" and to_url.scheme == "http"
        if is_downgrade and not (self.request.api.allow_insecure or is_loopback(to_url.host)):
            raise self._failure(f"{leads} from https to plain http")

    def _failure(self, what: str, *, retryable: bool = False) -> AttemptFailedError:
        return AttemptFailedError(f"{self.shown_url} {what}", retryable=retryable)


def run_stopped() -> AttemptFailedError:
    """The failure of an attempt because the run is ending."""
    return AttemptFailedError("the run was stopped before a response came", retryable=False)


def _next_url(url: httpx.URL, response: httpx.Response) -> str | None:
    # RFC 8288: a link may have several relations, compared without regard to case
    links = (link.get("url") for link in response.links.values() if "next" in _relations(link))
    link = next(filter(None, links), None)
    return str(url.join(link)) if link else None


def _relations(link: dict[str, str]) -> list[str]:
    return link.get("rel", "").casefold().split()
