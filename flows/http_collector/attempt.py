"""One attempt to get a reply: credentials to the API's own origin only, within time and size."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import httpx

from flows.api_config import ResolvedSecrets, is_loopback
from flows.http_collector.authentication import authenticated, same_origin
from flows.http_collector.replies import AttemptFailedError, failed_exchange, failed_status
from flows.request_plan import CollectionRequest

MAX_REDIRECTS = 5
_ERROR_BODY_BYTES = 2048


def full_url(request: CollectionRequest) -> httpx.URL:
    """The address of a request with all its parameters, before any credential is added."""
    return httpx.URL(request.url).copy_merge_params(request.params)


@dataclass(frozen=True)
class Attempt:
    """One attempt at a request.

    Attributes:
        request: What to ask.
        client: Sends it.
        secrets: Credentials of the API.
        shown_url: The address to name in errors.
        stopping: Set when the run is ending.
    """

    request: CollectionRequest
    client: httpx.Client
    secrets: ResolvedSecrets
    shown_url: str
    stopping: threading.Event

    def body(self) -> bytes:
        """The body of the reply, decompressed.

        Raises:
            AttemptFailedError: For any other outcome.
        """
        deadline = time.monotonic() + self.request.api.timeout_seconds
        url = full_url(self.request)
        for _ in range(MAX_REDIRECTS + 1):
            try:
                answer = self._exchange(url, deadline)
            except httpx.HTTPError as error:
                raise failed_exchange(error, self.shown_url, self.request.api.timeout_seconds) from None
            except httpx.InvalidURL:
                raise self._failure("redirects to something that is not a URL") from None
            if isinstance(answer, bytes):
                return answer
            self._check_redirect(url, answer)
            url = answer
        raise self._failure(f"redirects more than {MAX_REDIRECTS} times")

    def _exchange(self, url: httpx.URL, deadline: float) -> bytes | httpx.URL:
        """The body of the reply, or where the server sends us instead."""
        headers = httpx.Headers(self.request.headers)
        api = self.request.api
        asked_url = url
        if same_origin(url, full_url(self.request)):
            asked_url, headers = authenticated(url, headers, api.auth_entries, self.secrets)
        timeout = max(deadline - time.monotonic(), 0.001)
        with self.client.stream("GET", asked_url, headers=headers, timeout=timeout) as response:
            if response.has_redirect_location:
                return url.join(response.headers["Location"])
            if not response.is_success:
                start = next(response.iter_bytes(_ERROR_BODY_BYTES), b"")
                raise failed_status(response, self.shown_url, start)
            return self._read(response, deadline)

    def _read(self, response: httpx.Response, deadline: float) -> bytes:
        api = self.request.api
        chunks, size = [], 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if self.stopping.is_set():
                raise run_stopped()
            if time.monotonic() > deadline:
                raise self._failure(f"was not complete within {api.timeout_seconds:g} s", retryable=True)
            if size > api.max_response_mb * 1e6:
                raise self._failure(f"answers with more than max_response_mb ({api.max_response_mb:g} MB)")
            chunks.append(chunk)
        return b"".join(chunks)

    def _check_redirect(self, from_url: httpx.URL, to_url: httpx.URL) -> None:
        if to_url.scheme not in {"http", "https"} or not to_url.host:
            raise self._failure("redirects to something that is not http(s)")
        is_downgrade = from_url.scheme == "https" and to_url.scheme == "http"
        if is_downgrade and not (self.request.api.allow_insecure or is_loopback(to_url.host)):
            raise self._failure("redirects from https to plain http")

    def _failure(self, what: str, *, retryable: bool = False) -> AttemptFailedError:
        return AttemptFailedError(f"{self.shown_url} {what}", retryable=retryable)


def run_stopped() -> AttemptFailedError:
    """The end of an attempt because the run itself is ending."""
    return AttemptFailedError("the run was stopped before an answer came", retryable=False)
