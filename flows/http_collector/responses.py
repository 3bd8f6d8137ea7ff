"""What a reply, or the lack of one, means: an error for the reader, and whether to ask again."""

from __future__ import annotations

import email.utils
import http
import math
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx

MAX_RETRY_AFTER_SECONDS = 60.0
_RETRYABLE_STATUSES = {408, 425, 429}
_EXCERPT_CHARACTERS = 200
_ADVICE = {
    401: "the user name, password or key was refused: check the credentials of this API",
    403: "access is denied: check that this account may read this API",
    404: "there is nothing at this address: check the url",
}


class CollectionError(Exception):
    """An API gave no usable reply; the message says what failed and what to do, without secrets.

    Attributes:
        ends_api: Whether asking the same API for something else would end likewise: it refuses our
            credentials, or its host does not answer.
    """

    def __init__(self, message: str, *, ends_api: bool = False) -> None:
        super().__init__(message)
        self.ends_api = ends_api


class AttemptFailedError(Exception):
    """One attempt gave no usable reply.

    `retry_after` is what the server asked for, in seconds; `is_answer` says that there was a reply at all,
    `is_refusal` that it did not let us in, and `is_silent` that no connection came about, or that no whole
    reply came in time.
    """

    def __init__(
        self,
        reason: str,
        *,
        retryable: bool,
        retry_after: float | None = None,
        is_answer: bool = False,
        is_refusal: bool = False,
        is_silent: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable
        self.retry_after = retry_after
        self.is_answer = is_answer
        self.is_refusal = is_refusal
        self.is_silent = is_silent


def failed_status(
    response: httpx.Response,
    url: str,
    body_start: bytes,
    *,
    words: str = "",
    advice: Mapping[int, str] = _ADVICE,
) -> AttemptFailedError:
    """The failure that a reply with an error status means.

    Args:
        response: The reply; its body need not have been read.
        url: The address to show, without secrets.
        body_start: The first bytes of the body, shown unless they are a page of HTML.
        words: What the provider says, where the configuration knows where that is.
        advice: What to do, by status.
    """
    status = response.status_code
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = response.reason_phrase
    told = "; ".join(filter(None, (words or excerpt(body_start), advice.get(status))))
    reason = f"HTTP {status} {phrase} from {url}".replace("  ", " ")
    return AttemptFailedError(
        f"{reason}: {told}" if told else reason,
        retryable=status in _RETRYABLE_STATUSES or status >= http.HTTPStatus.INTERNAL_SERVER_ERROR,
        retry_after=retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC)),
        is_answer=True,
        # a 403 may be the answer of a file store for a day that it does not have
        is_refusal=status == http.HTTPStatus.UNAUTHORIZED,
    )


def failed_exchange(error: Exception, url: str, timeout_seconds: float) -> AttemptFailedError:
    """The failure that an exception of the HTTP client means."""
    if isinstance(error, httpx.ConnectTimeout):
        cause = f"no connection to {url} came about in time"
        return AttemptFailedError(cause, retryable=True, is_silent=True)
    if isinstance(error, httpx.TimeoutException):
        return no_whole_reply(url, timeout_seconds)
    if isinstance(error, httpx.ProxyError):
        cause = f"the proxy on the way to {url} failed: {error}"
        return AttemptFailedError(cause, retryable=True, is_silent=True)
    if _is_untrusted_certificate(error):
        cause = f"the certificate of {url} is not trusted: {error}"
        return AttemptFailedError(cause, retryable=False)
    if isinstance(error, httpx.ConnectError):
        return AttemptFailedError(f"cannot connect to {url}: {error}", retryable=True, is_silent=True)
    if isinstance(error, httpx.DecodingError):
        return AttemptFailedError(f"the reply of {url} is not validly compressed: {error}", retryable=True)
    return AttemptFailedError(
        f"the connection to {url} broke: {error or type(error).__name__}", retryable=True
    )


def no_whole_reply(url: str, seconds: float) -> AttemptFailedError:
    """The failure of a reply that had not come, or not to its end, when its time was over."""
    cause = f"no complete answer from {url} within {seconds:.3g} s"
    return AttemptFailedError(cause, retryable=True, is_silent=True)


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """The wait that a `Retry-After` header asks for, in seconds or as a date, clamped to our bound."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return None if math.isnan(seconds) else min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def excerpt(body: bytes) -> str:
    """The start of an error body on one line, or "" where it is a page of HTML or nothing readable."""
    text = " ".join(body[: 4 * _EXCERPT_CHARACTERS].decode("utf-8", errors="replace").split())
    if text.startswith("<") or not text.isprintable():
        return ""
    return text if len(text) <= _EXCERPT_CHARACTERS else text[:_EXCERPT_CHARACTERS] + "…"


def _is_untrusted_certificate(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
