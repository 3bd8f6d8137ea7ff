"""A proxy in front of the S3 server that injects faults of other servers and of networks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from flows.sandbox.s3_server import EmbeddedS3


@dataclass(frozen=True)
class S3Request:
    """A request to the server; header names are in lower case."""

    method: str
    path_and_query: str
    headers: dict[bytes, bytes]
    body: bytes


@dataclass(frozen=True)
class S3Answer:
    """A response given instead of the server's."""

    status: int
    body: bytes


def s3_error(code: str, status: int, message: str = "no") -> S3Answer:
    """An error response of S3."""
    return S3Answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())


def is_conditional(request: S3Request) -> bool:
    """Whether the request writes only where the key is free."""
    return b"if-none-match" in request.headers


class RelayedS3:
    """An ASGI app between a client and the S3 server, with faults.

    Args:
        s3: The server.
        answer: The response to faulty requests; None for the server's own.
        times: How many requests are faulty.
        concerns: Which requests are; by default conditional writes.
        is_written: Whether the server gets them all the same, so that only its response is lost.
        is_holding: Whether their responses are held back, until this is set to false.
        flipped_byte: The index of the byte that is changed in their bodies.
        flipped_byte_back: The index of the byte that is changed in the bodies of the responses.
    """

    def __init__(
        self,
        s3: EmbeddedS3,
        answer: S3Answer | None = None,
        times: int = 1,
        *,
        concerns: Callable[[S3Request], bool] = is_conditional,
        is_written: bool = False,
        is_holding: bool = False,
        flipped_byte: int | None = None,
        flipped_byte_back: int | None = None,
    ) -> None:
        self._url = s3.endpoint_url
        self._answer = answer
        self._times = times
        self._concerns = concerns
        self._is_written = is_written
        self.is_holding = is_holding
        self._flipped_byte = flipped_byte
        self._flipped_byte_back = flipped_byte_back
        self.refused = 0
        self.requests: list[S3Request] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = await _request(scope, receive)
        self.requests.append(request)
        is_concerned = self.refused < self._times and self._concerns(request)
        self.refused += is_concerned
        body = _flipped(request.body, self._flipped_byte if is_concerned else None)
        status, content, headers = 0, b"", [(b"content-type", b"application/xml")]
        if self._answer is None or not is_concerned or self._is_written:
            url = self._url + request.path_and_query
            async with httpx.AsyncClient(timeout=60) as client:
                response = await client.request(
                    request.method, url, headers=list(request.headers.items()), content=body
                )
            status = response.status_code
            content = _flipped(response.content, self._flipped_byte_back if is_concerned else None)
            headers = [(name, value) for name, value in response.headers.raw]
        while is_concerned and self.is_holding:
            await asyncio.sleep(0.02)
        if is_concerned and self._answer:
            status, content = self._answer.status, self._answer.body
            headers = [(b"content-type", b"application/xml")]
        kept = [(name, value) for name, value in headers if name.lower() != b"transfer-encoding"]
        await send({"type": "http.response.start", "status": status, "headers": kept})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else content})


async def _request(scope: Any, receive: Any) -> S3Request:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    query = scope["query_string"].decode()
    path = scope["raw_path"].decode() + (f"?{query}" if query else "")
    headers = {name: value for name, value in scope["headers"] if name != b"expect"}
    return S3Request(scope["method"], path, headers, body)


def _flipped(content: bytes, index: int | None) -> bytes:
    if index is None:
        return content
    changed = bytearray(content)
    changed[index] ^= 1
    return bytes(changed)
