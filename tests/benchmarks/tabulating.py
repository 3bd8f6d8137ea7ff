"""From a payload's bytes to the CSV's bytes: this project, json+pandas, and shapes other than LMP."""

from __future__ import annotations

import functools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from flows.documents import decode_xml
from flows.object_store import csv_bytes
from flows.tabulation import Layout, Part, tabulate
from tests.benchmarks.environments import isolated_python
from tests.benchmarks.payloads import Shape, lmp_day, other_shapes

TARGET_SPEEDUP = 8
TARGET_COST_PER_VALUE = 3
_CONTESTANT = Path(__file__).with_name("json_pandas_contestant.py")


@dataclass(frozen=True)
class Measured:
    """CPU seconds of one contestant, all rounds, and the values in its payload."""

    seconds: list[float]
    values: int

    @property
    def median_ms(self) -> float:
        return 1000 * statistics.median(self.seconds)

    @property
    def ns_per_value(self) -> float:
        return 1e9 * statistics.median(self.seconds) / self.values


def run_tabulating(rounds: int) -> None:
    """Measure and print; contestants take turns, so that a busy moment hits all of them."""
    day = lmp_day()
    pandas = _PandasContestant(day.body)
    shapes = [day, *other_shapes()]
    ours: dict[str, list[float]] = {shape.name: [] for shape in shapes}
    theirs: list[float] = []
    values = {shape.name: _values_in(shape) for shape in shapes}
    for _ in range(rounds):
        theirs.append(pandas.measure())
        for shape in shapes:
            ours[shape.name].append(_cpu_seconds(functools.partial(_tabulated, shape)))
    pandas.close()
    _print(
        {name: Measured(seconds, values[name]) for name, seconds in ours.items()},
        Measured(theirs, values[day.name]),
        day.name,
    )


def _tabulated(shape: Shape) -> bytes:
    return csv_bytes(tabulate([Part(shape.body)], Layout(**shape.layout)).frame)


def _values_in(shape: Shape) -> int:
    """How many values a payload holds: cells of a CSV, else the leaves of its tree."""
    match shape.layout.get("format", "json"):
        case "json":
            return _leaves(json.loads(shape.body))
        case "xml":
            return _leaves(decode_xml(shape.body))
        case _:
            frame = tabulate([Part(shape.body)], Layout(**shape.layout)).frame
            return frame.height * frame.width


def _leaves(value: Any) -> int:
    if isinstance(value, dict | list):
        return sum(_leaves(item) for item in (value.values() if isinstance(value, dict) else value))
    return 1


def _cpu_seconds(work: Callable[[], object]) -> float:
    # once unmeasured, since what another contestant left in the caches is not this one's cost
    work()
    begun = time.process_time()
    work()
    return time.process_time() - begun


class _PandasContestant:
    """A process with pandas in an environment of its own; it measures itself when it is asked to."""

    def __init__(self, body: bytes) -> None:
        self._process = subprocess.Popen(
            [isolated_python("pandas~=3.0"), str(_CONTESTANT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin
        self._process.stdin.write(f"{len(body)}\n".encode() + body)
        self.measure()

    def measure(self) -> float:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(b"run\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            sys.exit("the json+pandas contestant ended early")
        return float(json.loads(line)["cpu_seconds"])

    def close(self) -> None:
        self._process.communicate()


def _print(ours: dict[str, Measured], pandas: Measured, day: str) -> None:
    console = Console()
    table = RichTable("payload to CSV", "CPU ms, median", "ns per value", "against the LMP day")
    for name, measured in ours.items():
        ratio = measured.ns_per_value / ours[day].ns_per_value
        table.add_row(name, f"{measured.median_ms:.1f}", f"{measured.ns_per_value:.0f}", f"{ratio:.2f}")
    table.add_row(f"{day}, json+pandas", f"{pandas.median_ms:.1f}", f"{pandas.ns_per_value:.0f}", "")
    console.print(table)
    speedup = pandas.median_ms / ours[day].median_ms
    worst = max(ours, key=lambda name: ours[name].ns_per_value)
    cost = ours[worst].ns_per_value / ours[day].ns_per_value
    console.print(f"against json+pandas: {speedup:.1f} times (to reach: {TARGET_SPEEDUP})")
    console.print(
        f"the costliest shape, {worst}: {cost:.2f} per value (to stay under {TARGET_COST_PER_VALUE})"
    )
