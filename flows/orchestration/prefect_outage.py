"""Runs whose Prefect server has died: their results are returned all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx
from prefect import Flow
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import Abort
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.process.temporary_prefect import send_what_is_pending
from flows.run_report import RunResults

# a server that is started again responds after five to ten seconds
_WAIT_SECONDS = 20
_POLL_SECONDS = 1
_REQUEST_TIMEOUT_SECONDS = 15
_FIRST_SERVER_ERROR = 500
_kept: ContextVar[list[RunResults] | None] = ContextVar("kept_results", default=None)


def prefect_responds() -> bool:
    """Whether the Prefect server of the current flow run responds; waits 20 s for one that is restarting."""
    context = FlowRunContext.get()
    if context is None or context.client is None:
        raise RuntimeError("there is no flow run")
    until = time.monotonic() + _WAIT_SECONDS
    # Prefect's own retries of one request take 62 s
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        while _is_outage(context.client.api_healthcheck()):
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL_SECONDS)
    return True


def _is_outage(error: object) -> bool:
    """Whether an error of the health check means that the server is down: others have no such endpoint."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= _FIRST_SERVER_ERROR
    return error is not None


def end_unreported(results: RunResults) -> None:
    """End the flow run without its final state, where `result_of` called the flow; else do nothing.

    Otherwise Prefect retries the report of the state for 62 s, logs a traceback and raises.

    Raises:
        Abort: Prefect's exception for a flow run that ends at once.
    """
    kept = _kept.get()
    if kept is not None:
        kept.append(results)
        raise Abort("the Prefect server does not respond")


def result_of(flow: Flow[..., Any], **parameters: object) -> object:
    """Call a flow and return the data of its final state, or what `end_unreported` was called with."""
    timeout = min(PREFECT_API_REQUEST_TIMEOUT.value(), _REQUEST_TIMEOUT_SECONDS)
    with _keeping_results() as kept, temporary_settings({PREFECT_API_REQUEST_TIMEOUT: timeout}):
        try:
            state: Any = flow(**parameters, return_state=True)
        except Abort:
            if not kept:
                raise
            if not (FlowRunContext.get() or TaskRunContext.get()):
                send_what_is_pending(0)
            return kept[0]
        # without _sync it is a coroutine where the thread runs an event loop
        return state.result(raise_on_failure=False, _sync=True)


@contextmanager
def _keeping_results() -> Iterator[list[RunResults]]:
    kept: list[RunResults] = []
    token = _kept.set(kept)
    try:
        yield kept
    finally:
        _kept.reset(token)
