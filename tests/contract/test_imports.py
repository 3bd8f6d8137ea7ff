"""The way the data flows is the way imports run; names and sizes keep to the house's rules."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

# from the top down: a stage imports what stands above it, never what stands below
STAGES = (
    "flows.api_config",
    "flows.catalog",
    "flows.request_plan",
    "flows.documents",
    "flows.http_collector",
    "flows.pagination",
    "flows.tabulation",
    "flows.api_collection",
    "flows.data_checks",
    "flows.object_store",
    "flows.object_outputs",
    "flows.missing_data",
    "flows.table_checks",
    "flows.window_counts",
    "flows.run_report",
    "flows.backfill_report",
    "flows.run_record",
    "flows.run_progress",
    "flows.run_artifacts",
    "flows.progress_artifact",
    "flows.collection_run",
    "flows.window_collection",
    "blocks.api_credentials",
    "flows.run_preparation",
    "flows.shared_host_limits",
    "flows.run_sharing",
    "flows.collection_tasks",
    "flows.process_ending",
    "flows.process_memory",
    "flows.task_endings",
    "flows.task_runners",
    "flows.pipeline_run",
    "flows.backfill_splitting",
    "flows.backfill_run",
    "flows.flow_parameters",
    "flows.energy_pipeline",
    "flows.pipeline_status",
    "flows.api_preview",
    "flows.access_probe",
    "flows.integration",
    "flows.terminal_report",
    "flows.terminal_preview",
    "flows.terminal_progress",
    "flows.sandbox",
    "flows.command_parts",
    "flows.catalog_commands",
    "flows.__main__",
    "blocks.register",
)
# everything of Prefect: orchestration, artifacts, and what prepares or starts them
IMPORT_PREFECT = {
    "flows.run_artifacts",
    "flows.progress_artifact",
    "flows.collection_tasks",
    "flows.shared_host_limits",
    "flows.task_runners",
    "flows.pipeline_run",
    "flows.backfill_splitting",
    "flows.backfill_run",
    "flows.energy_pipeline",
}
# Prefect's blocks and errors alone, and what runs a server; a run's flow and tasks they know nothing of
IMPORT_PARTS_OF_PREFECT = {
    "blocks.api_credentials": {"prefect.blocks.abstract"},
    "blocks.register": {"prefect.blocks.core", "prefect.exceptions", "prefect_aws"},
    "flows.run_preparation": {"prefect.exceptions", "prefect_aws"},
    # to name the type of a flow
    "flows.integration": {"prefect"},
    "flows.object_store.buckets": {"prefect_aws"},
    "flows.object_store.store": {"prefect_aws"},
    "flows.sandbox.prefect_server": {
        "prefect.events.worker",
        "prefect.logging.handlers",
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
            assert not node.level, f"{file}: imports are absolute"
            names.add(str(node.module))
    return names


def stage_of(module: str) -> str:
    stages = [stage for stage in STAGES if module == stage or module.startswith(f"{stage}.")]
    return max(stages, key=len, default="")


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_run_one_way(module: str) -> None:
    stage = stage_of(module)
    if module in {"flows", "blocks"}:
        assert imports_of(modules()[module]) == set()
        return
    assert stage, f"{module} has no place in the order of stages"
    for imported in imports_of(modules()[module]):
        if imported.split(".")[0] not in {"flows", "blocks"} or stage_of(imported) == stage:
            continue
        target = stage_of(imported)
        assert target, f"{module} imports {imported}, which has no place in the order"
        assert STAGES.index(target) < STAGES.index(stage), (
            f"{module} imports {imported}, which comes after it"
        )


def test_no_import_runs_in_a_circle() -> None:
    graph = {
        module: {name for name in imports_of(file) if name in modules() and name != module}
        for module, file in modules().items()
    }

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("module", sorted(set(modules()) - IMPORT_PREFECT))
def test_only_the_orchestration_imports_prefects_flow_machinery(module: str) -> None:
    imported = imports_of(modules()[module])
    of_prefect = {name for name in imported if name.split(".")[0].startswith("prefect")}
    assert of_prefect <= IMPORT_PARTS_OF_PREFECT.get(module, set())


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
            assert isinstance(node, ast.Import | ast.ImportFrom | ast.Expr), ast.unparse(node)


@pytest.mark.parametrize("module", sorted(modules()))
def test_files_are_small_enough_to_hold_in_mind(module: str) -> None:
    assert len(modules()[module].read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_the_top_level_holds_what_belongs_there() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    expected = {"flows", "blocks", "tests", "prefect.yaml", "pyproject.toml", "README.md", "LICENSE"}
    assert {name for name in top if not name.startswith(".")} <= expected | {"Dockerfile"}
    assert "uv.lock" not in top
