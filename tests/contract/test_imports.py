"""Imports run downwards from folder to folder; names and sizes keep to the project's rules."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

# from the bottom up: a folder imports from those before it
FOLDERS = (
    "flows.api_config",
    "flows.catalog",
    "flows.request_plan",
    "flows.documents",
    "flows.http_collector",
    "flows.pagination",
    "flows.tabulation",
    "flows.data_checks",
    "flows.object_store",
    "flows.run_report",
    "flows.collection",
    "flows.process",
    "blocks",
    "flows.orchestration",
    "flows.energy_pipeline",
    "flows.inspection",
    "flows.integration",
    "flows.sandbox",
    "flows.command_line",
    "flows.__main__",
)
# what else imports something of Prefect: its blocks, settings and errors, or the type of a flow
PARTS_OF_PREFECT = {
    "blocks": {"prefect.blocks.abstract", "prefect.blocks.core", "prefect.exceptions", "prefect_aws"},
    "flows.integration": {"prefect"},
    "flows.object_store": {"prefect_aws"},
    "flows.process": {
        "prefect.context",
        "prefect.events.worker",
        "prefect.settings",
    },
}
MAX_LINES = 250


def modules() -> dict[str, Path]:
    files = [file for folder in ("flows", "blocks") for file in (REPOSITORY / folder).rglob("*.py")]
    found = {}
    for file in files:
        parts = file.relative_to(REPOSITORY).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = file
    return found


def imports_of(file: Path) -> set[str]:
    """Every module that a file names in an import, at its top, inside functions or for types."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + str(node.module))
    return names


def folder_of(module: str) -> str:
    return next((each for each in FOLDERS if f"{module}.".startswith(f"{each}.")), "")


def test_imports_run_downwards() -> None:
    offenders = []
    for module, file in modules().items():
        folder = folder_of(module)
        allowed = set(FOLDERS[: FOLDERS.index(folder) + 1]) if folder else set()
        own = [name for name in imports_of(file) if name.startswith((".", "flows.", "blocks."))]
        offenders += [f"{module} imports {name}" for name in own if folder_of(name) not in allowed]
    assert not offenders


def test_no_import_runs_in_a_circle() -> None:
    graph = {
        module: {name for name in imports_of(file) if name in modules() and name != module}
        for module, file in modules().items()
    }
    folders: dict[str, set[str]] = {}
    for module, imported in graph.items():
        folders.setdefault(folder_of(module), set()).update(map(folder_of, imported))
    try:
        TopologicalSorter(graph).prepare()
        TopologicalSorter({name: inner - {name} for name, inner in folders.items()}).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_the_orchestration_imports_prefects_flow_machinery() -> None:
    offenders = []
    for module, file in modules().items():
        folder = folder_of(module)
        if folder in {"flows.orchestration", "flows.energy_pipeline"}:
            continue
        of_prefect = {name for name in imports_of(file) if name.split(".")[0].startswith("prefect")}
        offenders += [f"{module}: {name}" for name in of_prefect - PARTS_OF_PREFECT.get(folder, set())]
    assert not offenders


def test_four_files_stand_flat_in_flows() -> None:
    flat = {file.stem for file in (REPOSITORY / "flows").glob("*.py")}
    assert flat == {"energy_pipeline", "integration", "__main__", "__init__"}


def test_no_file_shadows_a_module_that_a_run_imports() -> None:
    # Prefect puts flows/ first on the path when it loads the entrypoint
    taken = set(sys.stdlib_module_names) | set(packages_distributions())
    names = {path.stem for path in (REPOSITORY / "flows").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert "api_config" in names
    assert not (names - {"__main__", "__init__", "__pycache__"}) & taken


def test_the_entrypoint_file_defines_flows_only() -> None:
    # it is loaded under a second name, so that a class in it would be two classes
    tree = ast.parse((REPOSITORY / "flows" / "energy_pipeline.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            assert any("flow" in ast.unparse(decorator) for decorator in node.decorator_list), node.name
        else:
            # and what `python flows/energy_pipeline.py` runs
            is_main = ast.unparse(node).startswith("if __name__ == '__main__':")
            assert is_main or isinstance(node, ast.Import | ast.ImportFrom | ast.Expr), ast.unparse(node)


def test_files_are_small_enough_to_hold_in_mind() -> None:
    lines = {module: len(file.read_text(encoding="utf-8").splitlines()) for module, file in modules().items()}
    assert not {module: count for module, count in lines.items() if count > MAX_LINES}


def test_the_top_level_holds_what_belongs_there() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    expected = {"flows", "blocks", "tests", "prefect.yaml", "pyproject.toml", "README.md", "LICENSE"}
    assert {name for name in top if not name.startswith(".")} <= expected | {"Dockerfile"}
    assert "uv.lock" not in top
