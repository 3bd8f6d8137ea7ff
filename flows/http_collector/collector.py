"""The collector of a run: sends requests, with retries, within the limits of each host."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Self

import httpx
import tenacity

from flows.api_config import ApiConfig, ResolvedSecrets, libraries_log_warnings_only
from flows.http_collector.attempt import Attempt, full_url, run_stopped
from flows.http_collector.authentication import same_origin
from flows.http_collector.connections import Connections
from flows.http_collector.errors import AttemptFailedError, CollectionError
from flows.http_collector.host_limits import DEFAULT_MAX_CONCURRENCY, HostLimit, host_limits, host_of
from flows.http_collector.response import Response
from flows.http_collector.tokens import TokenStore
from flows.request_plan import CollectionRequest, PlannedCollection

logger = logging.getLogger(__name__)

_Pairs = tuple[tuple[str, str], ...]
# a request within its collection: URL, parameters and headers
_RequestKey = tuple[str, _Pairs, _Pairs]

_BACKOFF = tenacity.wait_random_exponential(multiplier=0.5, max=30)


class HttpCollector:
    """Sends the requests of one run. Thread-safe.

    A request gets `max_attempts` attempts in the whole run, however often `collect` is called for it.

    Args:
        apis: All APIs of the run, which set the limits of their hosts.
        secrets: The credentials they refer to.
        sleep: Waits between attempts; tests replace it. By default `stop` ends the wait.
        shared_slot: Holds a slot of a host (`name:port`) under a limit shared by several processes.
    """

    def __init__(
        self,
        apis: Iterable[ApiConfig],
        secrets: ResolvedSecrets,
        sleep: Callable[[float], None] | None = None,
        shared_slot: Callable[[str], AbstractContextManager[None]] | None = None,
    ) -> None:
        self._log_levels = libraries_log_warnings_only()
        self._secrets = secrets
        self._tokens = TokenStore(secrets)
        self._stopping = threading.Event()
        self._sleep = sleep or self._wait_unless_stopping
        self._limits = host_limits(apis, self._sleep)
        self._shared_slot = shared_slot or (lambda _host: nullcontext())
        self._lock = threading.Lock()
        self._connections = Connections(self._stopping)
        self._attempts: defaultdict[tuple[str, str], Counter[_RequestKey]] = defaultdict(Counter)
        self._deadlines: dict[tuple[str, str], float] = {}

    def __enter__(self) -> Self:
        self._log_levels.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._connections.close()
        self._log_levels.__exit__(None, None, None)

    def stop(self) -> None:
        """End the requests in flight and send no more; each fails with a `CollectionError`."""
        self._stopping.set()

    def attempts(self, collection: PlannedCollection) -> int:
        """How many requests this run has sent for a collection: all pages and attempts."""
        with self._lock:
            return self._attempts[collection.identity].total()

    def redact(self, text: str) -> str:
        """`text` with every secret of the run replaced."""
        return self._tokens.redact(text)

    def collect(self, request: CollectionRequest) -> Response:
        """Send a request, with retries, until there is a usable response.

        Raises:
            CollectionError: When all attempts failed, or one failed in a way that a retry cannot help.
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
            retry=tenacity.retry_if_exception(
                lambda error: _is_retryable(error) and not host.is_timeout_circuit_open
            ),
            wait=_seconds_until_next_attempt,
            sleep=self._sleep,
            before_sleep=lambda state: self._log_retry(request, state),
            reraise=True,
        )
        try:
            response: Response = retrying(self._send, request, shown_url, host)
        except AttemptFailedError as error:
            if error.retryable:
                host.record_failure(got_no_response=error.got_no_response)
            attempts = made[key]
            tried = f" (after {attempts} attempts)" if attempts > 1 else ""
            is_circuit_open = (
                host.is_timeout_circuit_open if error.got_no_response else host.is_failure_circuit_open
            )
            ends_api = error.is_unauthorized or is_circuit_open
            reason = self.redact(error.reason) + tried
            raise CollectionError(reason, ends_api=ends_api, status=error.status) from None
        return response

    def _send(self, request: CollectionRequest, shown_url: str, host: HostLimit) -> Response:
        api, key, made = request.api, _key(request), self._attempts[_identity(request)]
        queued_at = time.monotonic()
        with host.slot(), self._shared_slot(_host_asked(request)):
            # waiting for other APIs is not counted, waiting for this API's own rate limit is
            self._postpone_deadline(request, time.monotonic() - queued_at - host.interval)
            if self._stopping.is_set():
                raise run_stopped()
            if made[key] and host.is_timeout_circuit_open:
                cause = f"{shown_url} is not retried: {_host_asked(request)} does not respond to any request"
                raise AttemptFailedError(cause, retryable=True, got_no_response=True)
            seconds_left = self._seconds_left(request)
            if seconds_left <= 0:
                raise AttemptFailedError(
                    f"{shown_url} was not requested within deadline_seconds ({api.deadline_seconds:g} s)",
                    retryable=False,
                )
            with self._lock:
                made[key] += 1
            seconds = min(api.timeout_seconds, seconds_left)
            try:
                with self._connections.lend(api, seconds) as client:
                    attempt = Attempt(request, client, self._secrets, self._tokens, shown_url, seconds)
                    response = attempt.response()
            except AttemptFailedError as error:
                if not error.retryable:
                    host.record_response()
                if error.got_no_response and seconds < api.timeout_seconds:
                    # the deadline of the API has ended the attempt, not its timeout
                    error.reason += f": deadline_seconds ({api.deadline_seconds:g} s) is over"
                raise
        host.record_response()
        return response

    def _seconds_left(self, request: CollectionRequest) -> float:
        """Until the deadline of the API, which is counted from its first request."""
        now = time.monotonic()
        with self._lock:
            deadline = self._deadlines.setdefault(_identity(request), now + request.api.deadline_seconds)
        return deadline - now

    def _postpone_deadline(self, request: CollectionRequest, seconds: float) -> None:
        with self._lock:
            if _identity(request) in self._deadlines:
                self._deadlines[_identity(request)] += max(seconds, 0.0)

    def _limit_of(self, request: CollectionRequest) -> HostLimit:
        host = _host_asked(request)
        with self._lock:
            if host not in self._limits:
                # another host, which a next link leads to, has limits of its own
                self._limits[host] = HostLimit(DEFAULT_MAX_CONCURRENCY, None, self._sleep)
            return self._limits[host]

    def _wait_unless_stopping(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise run_stopped()

    def _log_retry(self, request: CollectionRequest, state: tenacity.RetryCallState) -> None:
        reason = self.redact(str(_failure(state)))
        logger.info("%s: %s; retrying in %.1f s", request.api.name, reason, state.upcoming_sleep)


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
