"""Whole runs of growing size: this project, the floor below it, and what a user would pick instead."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.object_store import csv_bytes
from flows.process.prefect_server import EmbeddedPrefectServer
from flows.sandbox.s3_server import EmbeddedS3
from flows.tabulation import Layout, Part, tabulate
from tests.benchmarks.environments import isolated_python
from tests.benchmarks.measured_process import Cost, cost_of

BUCKET = "benchmark"
CONCURRENCY = 16
_CONTESTANTS = Path(__file__).with_name("contestants")
_FIRST_DAY = date(2023, 1, 1)
_PANDAS = ("pandas~=3.0", "requests~=2.32", "boto3~=1.40")
_DLT = ("dlt[filesystem]~=1.30", "s3fs", "pyarrow")


@dataclass(frozen=True)
class Load:
    """One size of run: so many small APIs, or so many LMP days of one."""

    name: str
    small_apis: int = 0
    days: int = 0

    def urls(self, base: str) -> list[str]:
        """What is to be asked for."""
        if self.small_apis:
            return [f"{base}/small/{number}" for number in range(self.small_apis)]
        return [f"{base}/lmp/{_FIRST_DAY + timedelta(days=number):%Y%m%d}" for number in range(self.days)]


LOADS = {
    "S": Load("S: 4 small APIs", small_apis=4),
    "M": Load("M: 200 small APIs that take 100 ms", small_apis=200),
    "L": Load("L: 30 LMP days, 864,000 rows", days=30),
    "XL": Load("XL: 365 LMP days, 10.5 million rows", days=365),
}


class Servers:
    """What all contestants of a benchmark use."""

    def __init__(self, api: str, s3: EmbeddedS3, prefect: EmbeddedPrefectServer, folder: Path) -> None:
        self.api = api
        self.s3 = s3
        self.prefect = prefect
        self.folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """The variables of every contestant."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "AWS_"))
        }
        return {
            **kept,
            "PREFECT_HOME": str(self.folder / "prefect-client"),
            "AWS_ENDPOINT_URL_S3": self.s3.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
            "AWS_REGION": self.s3.region,
            "AWS_DEFAULT_REGION": self.s3.region,
            "NO_COLOR": "1",
        }


@contextmanager
def _servers() -> Iterator[Servers]:
    with ExitStack() as started:
        folder = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.load_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.callback(process.wait)
        started.callback(process.terminate)
        assert process.stdout
        api = process.stdout.readline().strip()
        s3 = started.enter_context(EmbeddedS3(folder / "s3"))
        prefect = started.enter_context(EmbeddedPrefectServer(folder / "prefect", run_services=True))
        s3.create_bucket(BUCKET)
        yield Servers(api, s3, prefect, folder)


def run_scaling(size: str, rounds: int, only: list[str] | None = None) -> None:
    """Measure the contestants in turns and print their medians and ratios."""
    load = LOADS[size]
    with _servers() as servers:
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
    _print(load, {name: _median(measured) for name, measured in costs.items()})


def _contestants(load: Load, servers: Servers) -> dict[str, Callable[[Path], Cost]]:
    body = urllib.request.urlopen(load.urls(servers.api)[0]).read()
    csv_file = servers.folder / "body.csv"
    csv_file.write_bytes(csv_bytes(tabulate([Part(body)], Layout()).frame))
    found: dict[str, Callable[[Path], Cost]] = {
        "floor": lambda folder: _script(
            load, servers, folder, sys.executable, "floor.py", {"csv_file": str(csv_file)}
        ),
        "tabulating": lambda _: _tabulating(load, body),
        "ours": lambda folder: _ours(load, servers, folder, servers.prefect.client_settings),
        "ours, parquet": lambda folder: _ours(
            load, servers, folder, servers.prefect.client_settings, outputs=["parquet"]
        ),
        "ours, embedded Prefect": lambda folder: _ours(load, servers, folder, {}),
    }
    if load.days <= LOADS["L"].days:
        selector = "GenFuelMixes.GenFuelMix" if load.small_apis else "HourlyLmps.HourlyLmp"
        found["requests+pandas"] = lambda folder: _script(
            load, servers, folder, isolated_python(*_PANDAS), "pandas_script.py", {}
        )
        found["dlt"] = lambda folder: _script(
            load,
            servers,
            folder,
            isolated_python(*_DLT),
            "dlt_pipeline.py",
            {"selector": selector, "table": "t"},
        )
    return found


def _script(
    load: Load, servers: Servers, folder: Path, python: str, script: str, more: dict[str, str]
) -> Cost:
    items = [
        {"url": url, "key": f"{folder.name}/{number}.csv"}
        for number, url in enumerate(load.urls(servers.api))
    ]
    job = {"items": items, "bucket": BUCKET, "concurrency": CONCURRENCY, **more}
    file = folder / "job.json"
    file.write_text(json.dumps(job))
    return cost_of([python, str(_CONTESTANTS / script), str(file)], servers.environment, folder)


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
    # the checkout, since contestants run in a folder of their own
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
