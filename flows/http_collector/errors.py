"""Errors of the collector: what failed, and whether a retry may help."""

from __future__ import annotations

import email.utils
import http
import math
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import httpx

from flows.documents import shortened

MAX_RETRY_AFTER_SECONDS = 60.0
_RETRYABLE_STATUSES = {408, 425, 429}
_EXCERPT_CHARACTERS = 200
_MESSAGE_CHARACTERS = 300
_ADVICE = {
    401: "the user name, password or key was refused: check the credentials of this API",
    403: "access is denied: check that this account may read this API",
    404: "there is nothing at this address: check the url",
}
_CERTIFICATE_ADVICE = (
    "SSL_CERT_FILE names a file of certificate authorities to trust instead of the usual ones "
    "(REQUESTS_CA_BUNDLE and AWS_CA_BUNDLE are not used for APIs)"
)
_NO_DATA = 'it has no data; where that is normal, set "empty_when": {"status": 204}'
_WITHOUT_DATA = {202: "the data is not ready", 204: _NO_DATA}
_REFUSED = {
    203: "a proxy on the way has changed the response",
    206: "it is only part of the response, although all of it was asked for",
}
UNUSABLE_STATUSES = frozenset({*_WITHOUT_DATA, *_REFUSED})
"""Successful statuses whose body is not the data that was asked for: RFC 9110 15.3."""


class CollectionError(Exception):
    """An API gave no usable response; the message says what failed and what to do, without secrets.

    Attributes:
        ends_api: Whether other requests to the same API would fail likewise: it refuses the credentials,
            or its host does not respond.
        status: The status of the last response; None where there was none, or it was no HTTP error.
    """

    def __init__(self, message: str, *, ends_api: bool = False, status: int | None = None) -> None:
        super().__init__(message)
        self.ends_api = ends_api
        self.status = status


class AttemptFailedError(Exception):
    """One attempt gave no usable response.

    Attributes:
        reason: What failed.
        retryable: Whether another attempt may succeed.
        retry_after: The wait that the server asked for, in seconds.
        is_unauthorized: Whether the API refused the credentials.
        got_no_response: Whether there was no connection, or no complete response in time.
        status: The error status of the response.
    """

    def __init__(
        self,
        reason: str,
        *,
        retryable: bool,
        retry_after: float | None = None,
        is_unauthorized: bool = False,
        got_no_response: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable
        self.retry_after = retry_after
        self.is_unauthorized = is_unauthorized
        self.got_no_response = got_no_response
        self.status = status


def failed_status(
    response: httpx.Response,
    url: str,
    body_start: bytes,
    redact: Callable[[str], str],
    *,
    message: str = "",
    advice: Mapping[int, str] = _ADVICE,
) -> AttemptFailedError:
    """The failure of an attempt whose response has an error status.

    Args:
        response: The response; its body need not have been read.
        url: The address to show, without secrets.
        body_start: The first bytes of the body, shown unless they are HTML.
        redact: Replaces the secrets in a text; called before the text is cut.
        message: The provider's error message, where the configuration says where it is.
        advice: What to do, by status.
    """
    status = response.status_code
    said = provider_message(redact(message)) or excerpt(redact(body_start.decode("utf-8", "replace")))
    details = "; ".join(filter(None, (said, advice.get(status))))
    reason = f"HTTP {_with_phrase(response)} from {url}"
    return AttemptFailedError(
        f"{reason}: {details}" if details else reason,
        retryable=status in _RETRYABLE_STATUSES or status >= http.HTTPStatus.INTERNAL_SERVER_ERROR,
        retry_after=retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC)),
        # not 403, which a file store may return for a day that it does not have
        is_unauthorized=status == http.HTTPStatus.UNAUTHORIZED,
        status=status,
    )


def unusable_status(response: httpx.Response, url: str) -> AttemptFailedError:
    """The failure of an attempt whose response has one of `UNUSABLE_STATUSES`.

    Args:
        response: The response.
        url: The address to show, without secrets.
    """
    status = response.status_code
    what = _WITHOUT_DATA.get(status) or _REFUSED[status]
    return AttemptFailedError(
        f"HTTP {_with_phrase(response)} from {url}: {what}",
        retryable=status in _WITHOUT_DATA,
        retry_after=retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC)),
    )


def failed_exchange(error: Exception, url: str, timeout_seconds: float) -> AttemptFailedError:
    """The failure of an attempt that ended in an exception of httpx."""
    if isinstance(error, httpx.ConnectTimeout):
        return AttemptFailedError(f"connecting to {url} timed out", retryable=True, got_no_response=True)
    if isinstance(error, httpx.TimeoutException):
        return timed_out(url, timeout_seconds)
    if isinstance(error, httpx.ProxyError):
        cause = f"the proxy for {url} failed: {error}"
        return AttemptFailedError(cause, retryable=True, got_no_response=True)
    if _is_untrusted_certificate(error):
        cause = f"the certificate of {url} is not trusted: {error}; {_CERTIFICATE_ADVICE}"
        return AttemptFailedError(cause, retryable=False)
    if isinstance(error, httpx.ConnectError):
        cause = f"cannot connect to {url}: {error}"
        return AttemptFailedError(cause, retryable=True, got_no_response=True)
    if isinstance(error, httpx.DecodingError):
        cause = f"the response from {url} is not validly compressed: {error}"
        return AttemptFailedError(cause, retryable=True)
    return AttemptFailedError(
        f"the connection to {url} broke: {error or type(error).__name__}", retryable=True
    )


def timed_out(url: str, seconds: float) -> AttemptFailedError:
    """The failure of an attempt whose response was not complete at its deadline."""
    cause = f"no complete response from {url} within {seconds:.3g} s"
    return AttemptFailedError(cause, retryable=True, got_no_response=True)


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """The wait that a `Retry-After` header asks for in seconds or as a date, 60 s at most.

    None without such a header, or where it cannot be parsed.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            # a year or an hour of twenty digits
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return None if math.isnan(seconds) else min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def provider_message(text: str) -> str:
    """A provider's own error message, already redacted, on one printable line."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return shortened(" ".join(printable.split()), _MESSAGE_CHARACTERS)


def excerpt(text: str) -> str:
    """The start of an error body, already redacted, on one line; "" for HTML and binary data."""
    line = " ".join(text[: 4 * _EXCERPT_CHARACTERS].split())
    return "" if line.startswith("<") or not line.isprintable() else shortened(line, _EXCERPT_CHARACTERS)


def _with_phrase(response: httpx.Response) -> str:
    try:
        phrase = http.HTTPStatus(response.status_code).phrase
    except ValueError:
        phrase = response.reason_phrase
    return f"{response.status_code} {phrase}".strip()


def _is_untrusted_certificate(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
