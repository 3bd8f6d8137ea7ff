"""Validation, help and the pure stages load no heavy package, so that they start quickly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.api_config import SHIPPED_CONFIG_FILE

HEAVY = {"prefect", "prefect_aws", "polars", "boto3", "httpx", "starlette", "msgspec"}


def loaded_by(script: str, folder: Path) -> tuple[int, set[str], str]:
    """The exit code of a script in a new interpreter, the packages that it loaded, and its output."""
    record = folder / "loaded.json"
    recording = (
        "import atexit, json, pathlib, sys\n"
        "def record():\n"
        "    packages = sorted({name.split('.')[0] for name in sys.modules})\n"
        f"    pathlib.Path({str(record)!r}).write_text(json.dumps(packages))\n"
        "atexit.register(record)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", recording + script],
        cwd=folder,
        env={**os.environ, "ISONE_API_USERNAME": "someone", "ISONE_API_PASSWORD": "something"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, set(json.loads(record.read_text())), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["validate", "--config", str(SHIPPED_CONFIG_FILE)], "valid: 4 APIs"),
        (["validate", "--config", str(SHIPPED_CONFIG_FILE), "--json"], '"config_valid": true'),
        (["--help"], "validate"),
        (["run", "--help"], "--bucket"),
    ],
    ids=["validate", "validate --json", "--help", "run --help"],
)
def test_validate_and_help_load_no_heavy_package(tmp_path: Path, arguments: list[str], printed: str) -> None:
    script = f"sys.argv = ['energy-pipeline', *{arguments!r}]\nfrom flows.__main__ import main\nmain()\n"
    exit_code, loaded, output = loaded_by(script, tmp_path)
    assert exit_code == 0, output
    assert printed in output
    assert "flows" in loaded
    assert not loaded & HEAVY


def test_status_loads_neither_polars_nor_a_server(tmp_path: Path) -> None:
    # no server listens on this port: the status says that the bucket cannot be listed
    bucket = ["--bucket", "any", "--config", str(SHIPPED_CONFIG_FILE)]
    script = (
        "import os\nos.environ |= {'AWS_ENDPOINT_URL_S3': 'http://127.0.0.1:1', 'AWS_MAX_ATTEMPTS': '1'}\n"
        f"sys.argv = ['energy-pipeline', 'status', *{bucket!r}]\nfrom flows.__main__ import main\nmain()\n"
    )
    exit_code, loaded, output = loaded_by(script, tmp_path)
    assert exit_code == 1, output
    assert "Fuel Mix" in output
    assert "boto3" in loaded
    assert not loaded & {"polars", "msgspec", "fastapi", "uvicorn", "sqlalchemy"}


STAGES_WITHOUT_PREFECT = (
    "flows.api_config",
    "flows.request_plan",
    "flows.http_collector",
    "flows.tabulation",
    "flows.object_store",
    "flows.run_report",
    "flows.run_report.last_run",
    "flows.command_line.results_output",
    "flows.integration",
)


def test_the_stages_are_loaded_without_prefect(tmp_path: Path) -> None:
    script = f"import sys\nfor stage in {STAGES_WITHOUT_PREFECT!r}:\n"
    script += "    __import__(stage)\n    assert 'prefect' not in sys.modules, stage\n"
    exit_code, loaded, output = loaded_by(script, tmp_path)
    assert exit_code == 0, output
    assert "flows" in loaded
    assert not loaded & {"prefect", "prefect_aws"}
