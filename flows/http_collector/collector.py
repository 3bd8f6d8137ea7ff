"""Asking until an answer comes or the attempts are used up."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

import httpx
import tenacity

from flows.api_config import ApiConfig, ResolvedSecrets, keep_out_of_logs
from flows.documents import Document
from flows.http_collector.attempt import Attempt, Reply, full_url, run_stopped
from flows.http_collector.authentication import same_origin
from flows.http_collector.connections import Connections
from flows.http_collector.host_limits import DEFAULT_MAX_CONCURRENCY, HostLimit, host_limits, host_of
from flows.http_collector.responses import AttemptFailedError, CollectionError
from flows.http_collector.tokens import TokenStore
from flows.request_plan import CollectionRequest, PlannedCollection

logger = logging.getLogger(__name__)

_Pairs = tuple[tuple[str, str], ...]
# of one request within its collection: what is asked, with which parameters and headers
_RequestKey = tuple[str, _Pairs, _Pairs]

_BACKOFF = tenacity.wait_random_exponential(multiplier=0.5, max=30)


@dataclass(frozen=True)
class Response:
    """What an API answered.

    Attributes:
        document: The decompressed body, decoded when its value is first asked for.
        source_url: The address asked, with its parameters and without secrets.
        collected_at: When the reply was complete (UTC).
        next_url: Where the HTTP Link header says that the next page is.
        is_unpublished: It is a 404, which for dates so young means that their data is still to come.
    """

    document: Document = field(repr=False)
    source_url: str
    collected_at: datetime
    next_url: str | None = None
    is_unpublished: bool = False

    @property
    def body(self) -> bytes:
        """The decompressed bytes."""
        return self.document.body


class HttpCollector:
    """Collects payloads for one run, from many threads at once, within each host's limits.

    It counts what it sends: a request gets `max_attempts` attempts in the whole run, however
    often `collect` is called for it.

    Args:
        apis: All APIs of the run; the hosts' limits are taken from them.
        secrets: The credentials they refer to.
        sleep: Waits between attempts; for tests. By default `stop` ends the wait.
        shared_place: Holds a place at a host (`name:port`) that several processes share.
    """

    def __init__(
        self,
        apis: Iterable[ApiConfig],
        secrets: ResolvedSecrets,
        sleep: Callable[[float], None] | None = None,
        shared_place: Callable[[str], AbstractContextManager[None]] | None = None,
    ) -> None:
        keep_out_of_logs("httpx", "httpcore")
        self._secrets = secrets
        self._tokens = TokenStore(secrets)
        self._stopping = threading.Event()
        self._sleep = sleep or self._wait_unless_stopping
        self._limits = host_limits(apis, self._sleep)
        self._shared_place = shared_place or (lambda _host: nullcontext())
        self._lock = threading.Lock()
        self._connections = Connections(self._stopping)
        self._attempts: defaultdict[tuple[str, str], Counter[_RequestKey]] = defaultdict(Counter)
        self._give_up_at: dict[tuple[str, str], float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._connections.close()

    def stop(self) -> None:
        """End the requests under way and send no further one; each fails with a `CollectionError`."""
        self._stopping.set()

    def attempts(self, collection: PlannedCollection) -> int:
        """How many requests this run has made for a collection, all its pages and attempts."""
        with self._lock:
            return self._attempts[collection.identity].total()

    def redact(self, text: str) -> str:
        """`text` with every secret of the run in it replaced."""
        return self._tokens.redact(text)

    def collect(self, request: CollectionRequest) -> Response:
        """Ask an API until it answers or its attempts are used up.

        Raises:
            CollectionError: Where no usable reply came.
        """
        api, key = request.api, _key(request)
        shown_url = self.redact(str(full_url(request)))
        host = self._limit_of(request)
        with self._lock:
            made = self._attempts[_identity(request)]
        attempts_left = api.max_attempts - made[key]
        if attempts_left < 1:
            raise CollectionError(f"all {api.max_attempts} attempts at {shown_url} are used up")
        retrying = tenacity.Retrying(
            stop=lambda state: (
                state.attempt_number >= attempts_left or state.upcoming_sleep >= self._seconds_left(request)
            ),
            retry=tenacity.retry_if_exception(lambda error: _is_retryable(error) and not host.is_down),
            wait=_seconds_until_next_attempt,
            sleep=self._sleep,
            before_sleep=lambda state: self._log_retry(request, state),
            reraise=True,
        )
        try:
            reply = retrying(self._send, request, shown_url, host)
        except AttemptFailedError as error:
            if error.retryable:
                host.failed(is_silent=error.is_silent)
            attempts = made[key]
            tried = f" (after {attempts} attempts)" if attempts > 1 else ""
            gives_up = host.is_down if error.is_silent else host.is_hopeless
            ends_api = error.is_refusal or gives_up
            raise CollectionError(self.redact(error.reason) + tried, ends_api=ends_api) from None
        now = datetime.now(UTC)
        return Response(reply.document, shown_url, now, reply.next_url, reply.is_unpublished)

    def _send(self, request: CollectionRequest, shown_url: str, host: HostLimit) -> Reply:
        api, key, made = request.api, _key(request), self._attempts[_identity(request)]
        queued_at = time.monotonic()
        with host.place(), self._shared_place(_host_asked(request)):
            # its own pace is not others' doing
            self._put_off_deadline(request, time.monotonic() - queued_at - host.interval)
            if self._stopping.is_set():
                raise run_stopped()
            if made[key] and host.is_down:
                cause = f"{shown_url} is not asked again, since nothing on {_host_asked(request)} answers"
                raise AttemptFailedError(cause, retryable=True, is_silent=True)
            seconds_left = self._seconds_left(request)
            if seconds_left <= 0:
                raise AttemptFailedError(
                    f"{shown_url} was not reached within deadline_seconds ({api.deadline_seconds:g} s)",
                    retryable=False,
                )
            with self._lock:
                made[key] += 1
            seconds = min(api.timeout_seconds, seconds_left)
            try:
                with self._connections.lend(api, seconds) as client:
                    attempt = Attempt(request, client, self._secrets, self._tokens, shown_url, seconds)
                    reply = attempt.reply()
            except AttemptFailedError as error:
                if not error.retryable:
                    host.answered()
                raise
        host.answered()
        return reply

    def _seconds_left(self, request: CollectionRequest) -> float:
        """Until the API's deadline, which counts from its first request and leaves out waits for others."""
        now = time.monotonic()
        with self._lock:
            until = self._give_up_at.setdefault(_identity(request), now + request.api.deadline_seconds)
        return until - now

    def _put_off_deadline(self, request: CollectionRequest, seconds: float) -> None:
        with self._lock:
            if _identity(request) in self._give_up_at:
                self._give_up_at[_identity(request)] += max(seconds, 0.0)

    def _limit_of(self, request: CollectionRequest) -> HostLimit:
        host = _host_asked(request)
        with self._lock:
            if host not in self._limits:
                # what a link leads to is no fault of the API's own host
                self._limits[host] = HostLimit(DEFAULT_MAX_CONCURRENCY, None, self._sleep)
            return self._limits[host]

    def _wait_unless_stopping(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise run_stopped()

    def _log_retry(self, request: CollectionRequest, state: tenacity.RetryCallState) -> None:
        reason = self.redact(str(_failure(state)))
        logger.info("%s: %s; asking again in %.1f s", request.api.name, reason, state.upcoming_sleep)


def _host_asked(request: CollectionRequest) -> str:
    if request.linked_from is None:
        return host_of(request.api)
    asked = httpx.URL(request.url)
    if same_origin(asked, httpx.URL(request.linked_from)):
        return host_of(request.api)
    return f"{asked.host}:{asked.port}" if asked.port else asked.host


def _key(request: CollectionRequest) -> _RequestKey:
    return (request.url, request.params, request.headers)


def _identity(request: CollectionRequest) -> tuple[str, str]:
    return (request.api.name, request.stamp)


def _is_retryable(error: BaseException) -> bool:
    return isinstance(error, AttemptFailedError) and error.retryable


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _seconds_until_next_attempt(state: tenacity.RetryCallState) -> float:
    error = _failure(state)
    asked_for = error.retry_after if isinstance(error, AttemptFailedError) else None
    return _BACKOFF(state) if asked_for is None else asked_for
