"""One attempt to get a reply: credentials to the API's own origin only, within time and size."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import httpx
from h2.exceptions import H2Error

from flows.api_config import ResolvedSecrets, TokenAuth, is_loopback
from flows.documents import Document
from flows.http_collector.authentication import authenticated, same_origin
from flows.http_collector.deadlines import BoundedClient
from flows.http_collector.redirects import is_inward
from flows.http_collector.response_classification import meaning_of
from flows.http_collector.responses import (
    AttemptFailedError,
    failed_exchange,
    failed_status,
    no_whole_reply,
)
from flows.http_collector.tokens import TokenStore
from flows.request_plan import CollectionRequest

MAX_REDIRECTS = 5
# longer than a lost packet takes to be sent again, thrice
CONNECT_SECONDS = 8.0
# what is meant for the API is not told to others that it leads to
_SENT_ELSEWHERE = frozenset({"accept", "accept-language", "user-agent"})
_KNOWN_CODINGS = frozenset({"identity", "gzip", "x-gzip", "deflate"})
# enough for what a provider has to say about an error
_ERROR_BODY_BYTES = 65_536


def full_url(request: CollectionRequest) -> httpx.URL:
    """The address of a request with all its parameters, before any credential is added."""
    return httpx.URL(request.url).copy_merge_params(request.params)


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        document: The decompressed body; an empty one where the API says that it has no data.
        next_url: Where the HTTP Link header says that the next page is.
        is_unpublished: It is a 404, which for dates so young means that their data is still to come.
    """

    document: Document = field(repr=False)
    next_url: str | None = None
    is_unpublished: bool = False


@dataclass(frozen=True)
class _Redirect:
    url: httpx.URL


class _TokenRefusedError(Exception):
    """The API did not take the token it was sent."""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a request.

    Attributes:
        request: What to ask.
        client: Sends it.
        secrets: Credentials of the API.
        tokens: Tokens that the API's services hand out.
        shown_url: The address to name in errors.
        seconds: How long it may take, from connecting to the last byte.
    """

    request: CollectionRequest
    client: BoundedClient
    secrets: ResolvedSecrets
    tokens: TokenStore
    shown_url: str
    seconds: float

    def reply(self) -> Reply:
        """The API's reply, a refused token renewed once.

        Raises:
            AttemptFailedError: For any other outcome.
        """
        deadline = time.monotonic() + self.seconds
        try:
            return self._follow(deadline, may_renew=True)
        except _TokenRefusedError:
            return self._follow(deadline, may_renew=False)

    def _follow(self, deadline: float, *, may_renew: bool) -> Reply:
        url = full_url(self.request)
        if self.request.linked_from:
            self._check_way(httpx.URL(self.request.linked_from), url, "is a link")
        for _ in range(MAX_REDIRECTS + 1):
            try:
                answer = self._exchange(url, deadline, may_renew=may_renew)
            except (httpx.HTTPError, H2Error) as error:
                raise failed_exchange(error, self.shown_url, self.seconds) from None
            except httpx.InvalidURL:
                raise self._failure("redirects to something that is not a URL") from None
            if isinstance(answer, Reply):
                return answer
            self._check_way(url, answer.url, "redirects")
            url = answer.url
        raise self._failure(f"redirects more than {MAX_REDIRECTS} times")

    def _exchange(self, url: httpx.URL, deadline: float, *, may_renew: bool) -> Reply | _Redirect:
        """The reply, or where the server sends us instead."""
        # as bytes, since httpx takes text for ASCII
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
            headers = httpx.Headers([item for item in headers.multi_items() if item[0] in _SENT_ELSEWHERE])
        seconds_left = self._seconds_left(deadline)
        timeout = httpx.Timeout(seconds_left, connect=min(seconds_left, CONNECT_SECONDS))
        with self.client.stream("GET", asked_url, headers=headers, timeout=timeout) as response:
            self._check_encoding(response)
            if response.has_redirect_location:
                self.client.leaves_unread = True
                return _Redirect(url.join(response.headers["Location"]))
            if response.status_code == httpx.codes.UNAUTHORIZED and sent_tokens:
                for entry, token in sent_tokens:
                    self.tokens.refused(entry, token)
                if may_renew:
                    raise _TokenRefusedError
            if not response.is_success:
                return self._reply_to_error(response, deadline)
            document = self._document(self._read(response, deadline), response)
            meaning = meaning_of(api, response.status_code, document)
            if meaning is None:
                return Reply(document, _next_url(url, response))
            if meaning.is_empty:
                return Reply(self._document(b"", response))
            raise self._failure(": ".join(filter(None, ("answers with an error", meaning.words))))

    def _reply_to_error(self, response: httpx.Response, deadline: float) -> Reply:
        self.client.leaves_unread = True
        start = b""
        for chunk in response.iter_bytes(_ERROR_BODY_BYTES):
            start += chunk
            if len(start) >= _ERROR_BODY_BYTES or time.monotonic() > deadline:
                break
        document = self._document(start, response)
        meaning = meaning_of(self.request.api, response.status_code, document)
        is_still_to_come = (
            self.request.may_be_unpublished and response.status_code == httpx.codes.NOT_FOUND and not meaning
        )
        if is_still_to_come or (meaning and meaning.is_empty):
            return Reply(self._document(b"", response), is_unpublished=is_still_to_come)
        start = document.readable_body(strict=False)
        raise failed_status(response, self.shown_url, start, words=meaning.words if meaning else "")

    def _document(self, body: bytes, response: httpx.Response) -> Document:
        api = self.request.api
        return Document(body, api.format, response.charset_encoding, api.skip_rows)

    def _seconds_left(self, deadline: float) -> float:
        return max(deadline - time.monotonic(), 0.001)

    def _read(self, response: httpx.Response, deadline: float) -> bytes:
        api = self.request.api
        chunks, size = [], 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if time.monotonic() > deadline:
                raise no_whole_reply(self.shown_url, self.seconds)
            if size > api.max_response_mb * 1e6:
                raise self._failure(f"answers with more than max_response_mb ({api.max_response_mb:g} MB)")
            chunks.append(chunk)
        return b"".join(chunks)

    def _check_way(self, from_url: httpx.URL, to_url: httpx.URL, leads: str) -> None:
        if to_url.scheme not in {"http", "https"} or not to_url.host:
            raise self._failure(f"{leads} to something that is not http(s)")
        if not self.request.api.allow_local_redirects and is_inward(from_url.host, to_url.host):
            raise self._failure(
                f"{leads} to this machine or its link ({to_url.host}), which only an API with "
                '"allow_local_redirects": true may'
            )
        is_downgrade = from_url.scheme == "https" and to_url.scheme == "http"
        if is_downgrade and not (self.request.api.allow_insecure or is_loopback(to_url.host)):
            raise self._failure(f"{leads} from https to plain http")

    def _check_encoding(self, response: httpx.Response) -> None:
        # one compression in another grows a thousandfold twice, before the size can be looked at
        codings = response.headers.get("Content-Encoding", "").lower().replace(",", " ").split()
        if len(codings) > 1 or not _KNOWN_CODINGS.issuperset(codings):
            raise self._failure(f"is compressed in a way that is not taken ({' '.join(codings)})")

    def _failure(self, what: str, *, retryable: bool = False) -> AttemptFailedError:
        return AttemptFailedError(f"{self.shown_url} {what}", retryable=retryable)


def run_stopped() -> AttemptFailedError:
    """The end of an attempt because the run itself is ending."""
    return AttemptFailedError("the run was stopped before an answer came", retryable=False)


def _next_url(url: httpx.URL, response: httpx.Response) -> str | None:
    # RFC 8288: a link may be of several relations, whose case does not matter
    links = (link.get("url") for link in response.links.values() if "next" in _relations(link))
    link = next(filter(None, links), None)
    return str(url.join(link)) if link else None


def _relations(link: dict[str, str]) -> list[str]:
    return link.get("rel", "").casefold().split()
