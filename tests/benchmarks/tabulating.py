"""From a response's bytes to the CSV's bytes, in every shape: this project beside json+pandas."""

from __future__ import annotations

import functools
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from flows.api_config import ApiConfig
from flows.documents import Document
from flows.http_collector import Response
from flows.object_store import csv_bytes
from flows.pagination.page_reading import read_page
from flows.tabulation import Layout, Part, tabulate
from tests.benchmarks.environments import isolated_python
from tests.benchmarks.payloads import Shape, lmp_day, other_shapes

TARGET_SPEEDUP = 5
"""Of the LMP day; every other shape has to be at least as fast as json+pandas."""
_CONTESTANT = Path(__file__).with_name("json_pandas_contestant.py")
_PAGE = "a 6 MB page: read for paging, then tabulated"


def run_tabulating(rounds: int) -> None:
    """Measure and print; contestants take turns, so that a busy moment hits all of them."""
    shapes = [lmp_day(), *other_shapes()]
    page = page_with_total()
    ours: dict[str, list[float]] = {name: [] for name in [*(shape.name for shape in shapes), _PAGE]}
    theirs: dict[str, list[float]] = {name: [] for name in ours}
    pandas = _PandasContestant([*shapes, page])
    # as a run does once its modules are loaded, or the garbage collector goes through those again and again
    gc.freeze()
    for _ in range(rounds):
        for shape in shapes:
            theirs[shape.name].append(pandas.measure(shape.name))
            ours[shape.name].append(_cpu_seconds(functools.partial(_tabulated, shape)))
        theirs[_PAGE].append(pandas.measure(_PAGE))
        ours[_PAGE].append(_cpu_seconds(functools.partial(_paged, page)))
    pandas.close()
    _print(shapes[0].name, ours, theirs)


def page_with_total() -> Shape:
    """An LMP day as a page that says how many rows there are."""
    body = b'{"total":28800,' + lmp_day().body[1:]
    return Shape(_PAGE, body, {"records": ["HourlyLmps", "HourlyLmp"]})


def _tabulated(shape: Shape) -> bytes:
    return csv_bytes(tabulate([Part(shape.body)], Layout(**shape.layout)).frame)


def _paged(shape: Shape) -> bytes:
    """Count the rows of a page as paging does, then tabulate it."""
    entry = {"name": "a", "url": "https://example.com/", "output_folder": "a", "csv_prefix": "a"}
    pagination = {"kind": "offset", "limit": 28_800, "total": ["total"]}
    api = ApiConfig.model_validate({**entry, **shape.layout, "pagination": pagination})
    response = Response(Document(shape.body), api.url, datetime.now(UTC))
    assert len(read_page(api, response, None).rows) == 28_800
    return csv_bytes(tabulate([Part(response.document)], Layout(**shape.layout)).frame)


def _cpu_seconds(work: Callable[[], object]) -> float:
    # once unmeasured, since what another contestant left in the caches is not this one's cost
    work()
    begun = time.process_time()
    work()
    return time.process_time() - begun


class _PandasContestant:
    """A process with pandas in an environment of its own, which measures itself on request."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self._process = subprocess.Popen(
            [isolated_python("pandas~=3.0"), str(_CONTESTANT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin
        self._process.stdin.write(f"{len(shapes)}\n".encode())
        for shape in shapes:
            header = {"name": shape.name, "bytes": len(shape.body), "layout": shape.layout}
            self._process.stdin.write(json.dumps(header).encode() + b"\n" + shape.body)

    def measure(self, name: str) -> float:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(name).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"the json+pandas contestant ended at: {name}")
        return float(json.loads(line)["cpu_seconds"])

    def close(self) -> None:
        self._process.communicate()


def _print(day: str, ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> None:
    table = RichTable("body to CSV, CPU ms (median)", "energy-pipeline", "json+pandas", "times as fast")
    speedups: dict[str, float] = {}
    for name, seconds in ours.items():
        own, other = statistics.median(seconds), statistics.median(theirs[name])
        speedups[name] = other / own
        table.add_row(name, f"{1000 * own:.1f}", f"{1000 * other:.1f}", f"{speedups[name]:.1f}")
    console = Console()
    console.print(table)
    slowest = min(speedups, key=lambda name: speedups[name])
    console.print(f"the LMP day: {speedups[day]:.1f} times json+pandas (to reach: {TARGET_SPEEDUP})")
    console.print(f"the slowest shape, {slowest}: {speedups[slowest]:.2f} times (to reach: 1)")
