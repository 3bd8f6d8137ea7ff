"""Peak memory and time of collecting hostile responses, each in a process of its own."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.api_config import ApiConfig, ResolvedSecrets
from flows.collection.api_table import collect_table
from flows.documents import DocumentError
from flows.http_collector import CollectionError, HttpCollector
from flows.request_plan import plan_collections
from flows.sandbox.isone_api import BASE_PATH
from flows.sandbox.loopback_server import LoopbackServer
from tests.conftest import NOW
from tests.providers.faults import Fault, FaultScript
from tests.providers.isone import create_faulty_isone_api

MAX_RESPONSE_MB = 50
# the process with all modules loaded, four times the largest accepted response, and one decompression step
ALLOWED_MB = 100 + 4 * MAX_RESPONSE_MB + 70


@dataclass(frozen=True)
class Outcome:
    """The error that a response caused, the time until then, and the memory of the process."""

    error: str
    seconds: float
    peak_mb: float
    before_mb: float


def run_hostile_responses() -> None:
    """Collect each response and print its cost; fails if one is accepted or takes too much memory."""
    script = FaultScript()
    with LoopbackServer(create_faulty_isone_api(script, username="u", password="p")) as server:
        for name, fault in _responses():
            script.clear()
            script.add("*", fault, times=None)
            outcome = _in_a_process(f"{server.base_url}{BASE_PATH}/genfuelmix/current")
            growth = outcome.peak_mb - outcome.before_mb
            print(f"{name:<22} {outcome.seconds:6.2f} s  peak +{growth:5.0f} MB  {outcome.error[:110]}")
            assert outcome.error, f"{name} was accepted"
            assert outcome.peak_mb < ALLOWED_MB, f"{name} took {outcome.peak_mb:.0f} MB"


def _responses() -> Iterator[tuple[str, Fault]]:
    megabyte = 10**6
    yield "gzip bomb, 1 GB", _compressed([b" " * megabyte] * 1000)
    yield "gzip in gzip", Fault(headers={"content-encoding": "gzip, gzip"}, body=b"")
    yield "plain, too large", _json(b"[" + b" " * (60 * megabyte) + b"]")
    yield "nested, 40 million", _json(b"[" * (40 * megabyte))
    yield "objects, 1 million deep", _json(b'{"a":' * megabyte + b"1" + b"}" * megabyte)
    yield "infinite numbers", _json(b'[{"a":NaN},{"a":Infinity}]')
    yield "invalid UTF-8", _json(b'[{"a":"\xff\xfe' + b"x" * megabyte + b'"}]')
    yield "many columns", _json(json.dumps([{f"c{n}": n} for n in range(200_000)]).encode())
    yield (
        "repeated list",
        _json(json.dumps([{"text": "x" * megabyte, "rows": [{"n": n} for n in range(100_000)]}]).encode()),
    )
    yield "drip", Fault("drip", seconds=0.2)


def _json(body: bytes) -> Fault:
    return Fault(headers={"content-type": "application/json"}, body=body)


def _compressed(parts: list[bytes]) -> Fault:
    packer = zlib.compressobj(9, wbits=31)
    body = b"".join(packer.compress(part) for part in parts) + packer.flush()
    return Fault(headers={"content-encoding": "gzip", "content-type": "application/json"}, body=body)


def _in_a_process(url: str) -> Outcome:
    done = subprocess.run([sys.executable, "-m", __name__, url], capture_output=True, text=True, check=True)
    return Outcome(**json.loads(done.stdout))


def _collect(url: str) -> Outcome:
    api = ApiConfig.model_validate(
        {
            "name": "hostile",
            "url": url,
            "output_folder": "f",
            "csv_prefix": "p",
            "timeout_seconds": 5,
            "max_attempts": 1,
            "max_response_mb": MAX_RESPONSE_MB,
        }
    )
    (collection,) = plan_collections([api], "20240101_000000", NOW)
    before, begun, message = _peak_mb(), time.monotonic(), ""
    with HttpCollector([api], ResolvedSecrets()) as collector:
        try:
            collect_table(collection, collector)
        except (CollectionError, DocumentError) as error:
            message = str(error)
    return Outcome(message, time.monotonic() - begun, _peak_mb(), before)


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        # unlike ru_maxrss this does not include the memory of the parent process
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
        return int(peak.group(1)) / 1e3 if peak else 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    print(json.dumps(vars(_collect(sys.argv[1]))))
