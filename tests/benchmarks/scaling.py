"""Whole runs of four sizes: this project, the alternatives to it, and the lower bound without any parsing."""

from __future__ import annotations

import json
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.object_store import csv_bytes
from flows.tabulation import Layout, Part, tabulate
from tests.benchmarks.environments import isolated_python
from tests.benchmarks.measured_process import Cost, cost_of
from tests.benchmarks.servers import BUCKET, Servers, started_servers

CONCURRENCY = 16
_CONTESTANTS = Path(__file__).with_name("contestants")
_FIRST_DAY = date(2023, 1, 1)
_PANDAS = ("pandas~=3.0", "requests~=2.32", "boto3~=1.40")
_DLT = ("dlt[filesystem]~=1.30", "s3fs", "pyarrow")


@dataclass(frozen=True)
class Target:
    """What `ours` must not exceed.

    Attributes:
        measure: The attribute of `Cost` that counts.
        limit: The most that it may be: a multiple of the rival's, or a value where there is no rival.
        rival: The contestant to compare with.
    """

    measure: str
    limit: float
    rival: str = ""


@dataclass(frozen=True)
class Load:
    """One size of run: a number of small APIs, or a number of LMP days of one API."""

    name: str
    small_apis: int = 0
    days: int = 0
    targets: tuple[Target, ...] = field(default=())

    def urls(self, base: str) -> list[str]:
        """The URLs to fetch."""
        if self.small_apis:
            return [f"{base}/small/{number}" for number in range(self.small_apis)]
        return [f"{base}/lmp/{_FIRST_DAY + timedelta(days=number):%Y%m%d}" for number in range(self.days)]


LOADS = {
    "S": Load("S: 4 small APIs", 4, targets=(Target("wall", 1.1, "bare Prefect flow"),)),
    "M": Load("M: 200 small APIs that take 100 ms", 200, targets=(Target("wall", 1.2, "bare Prefect flow"),)),
    "L": Load(
        "L: 30 LMP days, 864,000 rows",
        days=30,
        targets=(Target("wall", 1 / 4.5, "dlt"), Target("cpu", 1 / 5.5, "dlt")),
    ),
    "XL": Load("XL: 365 LMP days, 10.5 million rows", days=365, targets=(Target("peak_mb", 400),)),
}


def run_scaling(size: str, rounds: int, only: list[str] | None = None) -> None:
    """Measure the contestants in turns and print their medians, their ratios and the targets.

    Args:
        size: A name among `LOADS`.
        rounds: How often each contestant runs.
        only: The contestants to run; None for all of them.
    """
    load = LOADS[size]
    with started_servers() as servers:
        contestants = {
            name: run for name, run in _contestants(load, servers).items() if not only or name in only
        }
        costs: dict[str, list[Cost]] = {name: [] for name in contestants}
        for number in range(rounds):
            for name, run in contestants.items():
                folder = servers.folder / f"{name}-{number}".replace(" ", "-")
                folder.mkdir()
                _peak(servers.api)
                cost = replace(run(folder), in_flight=_peak(servers.api))
                costs[name].append(cost)
                print(f"{name}: {cost.wall:.2f} s, CPU {cost.cpu:.2f} s, {cost.peak_mb:.0f} MB", flush=True)
    medians = {name: _median(measured) for name, measured in costs.items()}
    _print(load, medians)
    _print_targets(load, medians)


def _contestants(load: Load, servers: Servers) -> dict[str, Callable[[Path], Cost]]:
    body = urllib.request.urlopen(load.urls(servers.api)[0]).read()
    csv_file = servers.folder / "body.csv"
    csv_file.write_bytes(csv_bytes(tabulate([Part(body)], Layout()).frame))
    found: dict[str, Callable[[Path], Cost]] = {
        "floor": lambda folder: _script(
            load, servers, folder, sys.executable, "floor.py", {}, {"csv_file": str(csv_file)}
        ),
        "tabulating": lambda _: _tabulating(load, body),
        "ours": lambda folder: _ours(load, servers, folder, servers.prefect.client_settings),
        "ours, parquet": lambda folder: _ours(
            load, servers, folder, servers.prefect.client_settings, outputs=["parquet"]
        ),
        "ours, embedded Prefect": lambda folder: _ours(load, servers, folder, {}),
    }
    if load.days <= LOADS["L"].days:
        found["bare Prefect flow"] = lambda folder: _script(
            load, servers, folder, sys.executable, "bare_prefect_flow.py", servers.prefect.client_settings
        )
        selector = "GenFuelMixes.GenFuelMix" if load.small_apis else "HourlyLmps.HourlyLmp"
        found["requests+pandas"] = lambda folder: _script(
            load, servers, folder, isolated_python(*_PANDAS), "pandas_script.py"
        )
        found["dlt"] = lambda folder: _script(
            load,
            servers,
            folder,
            isolated_python(*_DLT),
            "dlt_pipeline.py",
            {},
            {"selector": selector, "table": "t"},
        )
    return found


def _script(
    load: Load,
    servers: Servers,
    folder: Path,
    python: str,
    script: str,
    variables: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> Cost:
    items = [
        {"url": url, "key": f"{folder.name}/{number}.csv"}
        for number, url in enumerate(load.urls(servers.api))
    ]
    job = {"items": items, "bucket": BUCKET, "concurrency": CONCURRENCY, **(options or {})}
    file = folder / "job.json"
    file.write_text(json.dumps(job))
    environment = {**servers.environment, **(variables or {})}
    return cost_of([python, str(_CONTESTANTS / script), str(file)], environment, folder)


def _ours(
    load: Load, servers: Servers, folder: Path, prefect: dict[str, str], outputs: list[str] | None = None
) -> Cost:
    slug = folder.name.replace(",", "")
    defaults: dict[str, Any] = {"max_concurrency": CONCURRENCY, "outputs": outputs or ["csv"]}
    config_file = folder / "config.json"
    command = [sys.executable, "-m", "flows", "run", "--config", str(config_file), "--bucket", BUCKET]
    if load.small_apis:
        apis = [
            {"name": f"api {number}", "url": url, "output_folder": f"{slug}/{number}", "csv_prefix": "small"}
            for number, url in enumerate(load.urls(servers.api))
        ]
    else:
        url = f"{servers.api}/lmp/{{start:%Y%m%d}}"
        apis = [{"name": "Hourly LMP", "url": url, "output_folder": slug, "csv_prefix": "lmp"}]
        defaults["dates"] = {"unit": "day", "timezone": "America/New_York"}
        last = _FIRST_DAY + timedelta(days=load.days - 1)
        command += ["--start", _FIRST_DAY.isoformat(), "--end", last.isoformat()]
    config_file.write_text(json.dumps({"apis": apis, "defaults": defaults}))
    # contestants run in a folder of their own, which is not the checkout
    environment = {**servers.environment, "PYTHONPATH": str(Path.cwd()), **prefect}
    return cost_of(command, environment, folder)


def _tabulating(load: Load, body: bytes) -> Cost:
    begun, begun_cpu = time.perf_counter(), time.process_time()
    for _ in range(load.days or load.small_apis):
        csv_bytes(tabulate([Part(body)], Layout()).frame)
    return Cost(time.perf_counter() - begun, time.process_time() - begun_cpu, 0.0)


def _peak(api: str) -> int:
    with urllib.request.urlopen(f"{api}/peak") as reply:
        return int(json.load(reply)["peak_in_flight"])


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        statistics.median(cost.peak_mb for cost in costs),
        max(cost.in_flight for cost in costs),
    )


def _print(load: Load, costs: dict[str, Cost]) -> None:
    table = Table(load.name, "wall s", "CPU s", "peak MB", "in flight", "wall, ours = 1", "CPU, ours = 1")
    ours = costs.get("ours")
    for name, cost in costs.items():
        ratios = (f"{cost.wall / ours.wall:.2f}", f"{cost.cpu / ours.cpu:.2f}") if ours else ("", "")
        memory = f"{cost.peak_mb:.0f}" if cost.peak_mb else ""
        table.add_row(name, f"{cost.wall:.2f}", f"{cost.cpu:.2f}", memory, str(cost.in_flight or ""), *ratios)
    Console(width=110).print(table)


def _print_targets(load: Load, costs: dict[str, Cost]) -> None:
    for target in load.targets:
        ours, rival = costs.get("ours"), costs.get(target.rival)
        if ours is None or (target.rival and rival is None):
            continue
        value = getattr(ours, target.measure) / (getattr(rival, target.measure) if rival else 1)
        unit = f" times that of {target.rival}" if rival else ""
        verdict = "reached" if value <= target.limit else "missed"
        print(f"{target.measure}: {value:.3g}{unit}, target at most {target.limit:.3g}: {verdict}")
