"""A backfill with a Prefect server on PostgreSQL, which many workers need, does the same as on SQLite."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.process.prefect_server import EmbeddedPrefectServer
from flows.sandbox.s3_server import EmbeddedS3
from tests.conftest import IsoneSandbox
from tests.flow.conftest import RunCommand
from tests.flow.test_task_runners import PipelineOn, WriteConfig, bodies_in, lmp
from tests.providers import faults

NEEDED = ("initdb", "pg_ctl", "psql")
NOT_ROOT = ("postgres", "nobody")


def programs() -> Path:
    """The folder of PostgreSQL's server programs."""
    found = shutil.which("postgres")
    # resolved, since distributions link single programs of that folder into the PATH
    at_hand = [Path(found).resolve().parent] if found else []
    folders = [*at_hand, *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
    usable = [folder for folder in folders if all((folder / name).exists() for name in NEEDED)]
    if not usable:
        pytest.skip("PostgreSQL's server is not installed on this machine")
    return usable[-1]


class PostgreSQL:
    """A PostgreSQL server on a Unix socket in its folder; it listens on no port.

    Args:
        folder: Where its data, socket and log are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = programs()
        self._user: dict[str, Any] = {}
        if os.getuid() == 0:
            # PostgreSQL refuses to run as root
            names = {entry.pw_name: entry for entry in pwd.getpwall()}
            user = next(names[name] for name in NOT_ROOT if name in names)
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://prefect@/postgres?host={self._folder}"

    def run(self, program: str, *arguments: str) -> str:
        # to a file, since the server would inherit a pipe and keep it open
        with (self._folder / "output").open("wb") as output_file:
            done = subprocess.run(
                [self._programs / program, *arguments],
                cwd=self._folder,
                stdout=output_file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=60,
                **self._user,
            )
        output = (self._folder / "output").read_text(encoding="utf-8")
        assert done.returncode == 0, output
        return output

    @contextmanager
    def serving(self) -> Iterator[None]:
        self.run("initdb", "-D", "data", "-U", "prefect", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off"
        self.run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")
        try:
            yield
        finally:
            self.run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    def count_of(self, table: str) -> int:
        query = f"select count(*) from {table}"
        return int(
            self.run("psql", "-h", str(self._folder), "-U", "prefect", "-d", "postgres", "-tAc", query)
        )


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    # not in pytest's folder, which other users cannot enter
    with tempfile.TemporaryDirectory(prefix="energy-pg-", ignore_cleanup_errors=True) as folder:
        server = PostgreSQL(Path(folder))
        with server.serving():
            yield server


def test_a_backfill_does_the_same_as_on_sqlite(
    postgresql: PostgreSQL,
    pipeline_on: PipelineOn,
    run_command: RunCommand,
    write_config: WriteConfig,
    isone: IsoneSandbox,
    embedded_s3: EmbeddedS3,
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    days = (date(2024, 1, 1), date(2024, 1, 8))
    config = write_config(lmp(isone, "On SQLite"), lmp(isone, "On PostgreSQL"))
    isone.faults.add("*/day/20240103/*", faults.status(400), times=None)
    on_sqlite = pipeline_on(config).run_backfill(*days, ["On SQLite"])

    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", postgresql.url)
    home = tmp_path / "prefect-on-postgresql"
    with EmbeddedPrefectServer(home, run_services=True, inherits_settings=True) as server:
        # in another process, since Prefect sends a process's events to the first server it connected to
        done = run_command(
            *("run", "--config", config, "--bucket", bucket, "--api", "On PostgreSQL", "--json"),
            *("--start", f"{days[0]}", "--end", f"{days[1]}"),
            **server.client_settings,
        )
        assert postgresql.count_of("flow_run") == 1
    assert not list(home.glob("*.db")), "nothing was kept in SQLite"

    assert done.returncode == 1, done.stderr
    one, other = json.loads(done.stdout)["results"][0], on_sqlite["results"][0]
    assert one["windows"] == other["windows"]
    assert one["windows"]["stored"] == 7
    assert [failure["dates"] for failure in one["windows"]["failures"]] == ["20240103"]
    stored = bodies_in(embedded_s3, bucket, "on_postgresql")
    assert stored == bodies_in(embedded_s3, bucket, "on_sqlite")
    assert len(stored) == 7
