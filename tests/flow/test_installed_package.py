"""The package as pip installs it from a wheel, used in a folder that is no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The variables with which Python imports the wheel's files instead of the checkout's."""
    site_packages = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)
    login = {"ISONE_API_USERNAME": "someone", "ISONE_API_PASSWORD": "something"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    return {**inherited, **login, "PYTHONPATH": str(site_packages), "NO_COLOR": "1"}


@pytest.fixture
def run(installed: Mapping[str, str], tmp_path: Path) -> Run:
    def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("energy-pipeline")), *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env={**installed, **variables}, capture_output=True, text=True, timeout=120
        )

    return call


def test_the_wheel_holds_what_is_needed_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {"flows/api_config.json", "flows/api_config.schema.json", "blocks/register.py"} <= set(names)
    assert "flows/catalog/isone_endpoints.tsv" in names
    assert not [
        name for name in names if name.split("/")[0] not in {"flows", "blocks"} and ".dist-info/" not in name
    ]
    assert not [name for name in names if "test" in Path(name).name]


def test_the_shipped_configuration_is_copied_rather_than_written(
    run: Run, installed: Mapping[str, str], tmp_path: Path
) -> None:
    shipped = Path(installed["PYTHONPATH"]) / "flows" / "api_config.json"
    before = shipped.read_bytes()
    assert run("validate").stdout.startswith("valid: 4 APIs")

    added = run("add", "/realtimehourlydemand/current")
    assert added.returncode == 0, added.stderr
    own = tmp_path / "api_config.json"
    assert "api_config.json is a copy of the shipped configuration" in added.stderr
    assert 'preview it with: energy-pipeline preview "' in added.stderr
    assert shipped.read_bytes() == before
    document = json.loads(own.read_text())
    assert len(document["apis"]) == 5
    assert Path(document["$schema"]).is_file()

    # which is the configuration in force from now on, and the one that is written
    assert run("validate").stdout.startswith("valid: 5 APIs")
    again = run("add", "/realtimehourlydemand/current")
    assert "a copy of" not in again.stderr
    assert run("validate").stdout.startswith("valid: 6 APIs")
    assert shipped.read_bytes() == before


def test_the_shipped_configuration_named_by_hand_is_refused_where_an_own_one_exists(
    run: Run, installed: Mapping[str, str], tmp_path: Path
) -> None:
    shipped = Path(installed["PYTHONPATH"]) / "flows" / "api_config.json"
    (tmp_path / "api_config.json").write_bytes(shipped.read_bytes())
    refused = run("add", "/realtimehourlydemand/current", "--config", str(shipped))
    assert refused.returncode == 2
    assert "comes with the package and is never written" in refused.stderr
    assert (tmp_path / "api_config.json").read_bytes() == shipped.read_bytes()


def test_the_class_works_in_any_folder(installed: Mapping[str, str], tmp_path: Path) -> None:
    script = (
        "import flows\nfrom flows.integration import EnergyDataPipelineIntegration\n"
        "print(flows.__file__, EnergyDataPipelineIntegration().validate_configuration()['config_valid'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=installed,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.startswith(installed["PYTHONPATH"])
    assert done.stdout.endswith("True\n")
