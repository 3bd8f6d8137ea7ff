"""ASGI middleware that sends scripted faults instead of an app's responses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.providers.faults import Fault, FaultScript, SeenRequest


class FaultInjection:
    """Sends the faults of a script instead of an app's responses, and notes every request.

    Args:
        app: The API.
        script: The faults.
        describe: Makes the note of a request from its ASGI scope.
    """

    def __init__(self, app: ASGIApp, script: FaultScript, describe: Callable[[Scope], SeenRequest]) -> None:
        self._app = app
        self._script = script
        self._describe = describe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: an ASGI app."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._script.arrival(self._describe(scope)) as fault:
            if fault is None:
                await self._app(scope, receive, send)
            else:
                await self._send_fault(fault, scope, receive, send)

    async def _send_fault(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "hang":
            await _until_client_leaves(receive)
            return
        if fault.kind == "reset":
            _close_connection(send)
            return
        if fault.kind == "response":
            await _send_response(send, fault.status, fault.headers, fault.body)
            return
        start, body = await self._own_response(scope, receive)
        headers = {"content-type": "application/json"}
        if fault.kind == "truncated-json":
            await _send_response(send, start["status"], headers, body[: len(body) // 2])
        elif fault.kind == "no-rows":
            wrapper = body.split(b'"', 2)[1]
            await _send_response(send, 200, headers, b'{"' + wrapper + b'":""}')
        elif fault.kind == "truncated-transfer":
            await _send_start(send, start["status"], {**headers, "content-length": str(len(body))})
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            _close_connection(send)
        else:
            await _send_start(send, start["status"], {**headers, "content-length": str(len(body))})
            for index in range(0, len(body), fault.piece_bytes):
                piece = body[index : index + fault.piece_bytes]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(fault.seconds)
            await send({"type": "http.response.body", "body": b""})

    async def _own_response(self, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        """What the API itself answers, uncompressed."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": plain}, receive, keep)
        return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


async def _until_client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_start(send: Send, status: int, headers: Any) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def _send_response(send: Send, status: int, headers: Any, body: bytes) -> None:
    await _send_start(send, status, {**headers, "content-length": str(len(body))})
    await send({"type": "http.response.body", "body": body})


def _close_connection(send: Send) -> None:
    # ASGI has no word for it: `send` is a method of uvicorn's request cycle, which has the transport
    cycle: Any = getattr(send, "__self__")  # noqa: B009 - a Callable has no such attribute to mypy
    cycle.transport.close()
