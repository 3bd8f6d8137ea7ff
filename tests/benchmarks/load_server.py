"""The API of the whole-run benchmarks: LMP days of 28,800 rows, and small responses after a delay.

It runs in a process of its own, so that its CPU time is not counted as a contestant's.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from datetime import date

import msgspec
import uvicorn

from flows.sandbox.isone_operations import fuel_mix
from flows.sandbox.isone_prices import hourly_lmps, locations

LATENCY_SECONDS = 0.1
_DAY = date(2023, 6, 1)


class LoadServer:
    """`/lmp/YYYYMMDD` is a day of prices, `/small/N` a small delayed response, `/peak` the request counts."""

    def __init__(self) -> None:
        day = {"HourlyLmps": {"HourlyLmp": hourly_lmps(_DAY, "da/final", locations())}}
        self._lmps = msgspec.json.encode(day)
        self._small = msgspec.json.encode({"GenFuelMixes": {"GenFuelMix": fuel_mix(_DAY)[:10]}})
        self._under_way = self._peak = self._requests = 0

    async def __call__(self, scope: dict, _receive: object, send: object) -> None:  # type: ignore[type-arg]
        path = scope["path"]
        if path == "/peak":
            count = {"peak_in_flight": self._peak, "requests": self._requests}
            self._peak = self._requests = 0
            await _respond(send, json.dumps(count).encode())
            return
        self._under_way += 1
        self._requests += 1
        self._peak = max(self._peak, self._under_way)
        try:
            await _respond(send, await self._body(path))
        finally:
            self._under_way -= 1

    async def _body(self, path: str) -> bytes:
        _, kind, what = path.split("/", 2)
        if kind == "small":
            await asyncio.sleep(LATENCY_SECONDS)
            return self._small
        day = f"{what[:4]}-{what[4:6]}-{what[6:8]}".encode()
        return await asyncio.to_thread(self._lmps.replace, _DAY.isoformat().encode(), day)


async def _respond(send: object, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": body})  # type: ignore[operator]


def main() -> None:
    """Serve on a free port, print the URL on stdout, and stop when stdin is closed."""
    # IPPROTO_TCP is explicit, or asyncio leaves Nagle's algorithm on, which delays responses by 40 ms
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    server = uvicorn.Server(uvicorn.Config(LoadServer(), log_level="warning", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    sys.stdin.read()
    server.should_exit = True
    thread.join(5)


if __name__ == "__main__":
    main()
