"""What the README says is tested, is."""

from __future__ import annotations

import ast
import re

from tests.conftest import REPOSITORY

TESTS = REPOSITORY / "tests"


def names_of_tests() -> set[str]:
    files = [file for folder in ("unit", "flow", "contract") for file in (TESTS / folder).glob("test_*.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def rows_of_faults() -> list[list[str]]:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## What goes wrong, and what then happens\n")[2].partition("\n**The spool**")[
        0
    ]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[2:]]


def test_every_fault_in_the_readme_names_tests_that_exist() -> None:
    existing = names_of_tests()
    faults = [cells for cells in rows_of_faults() if not cells[0].startswith("**")]
    assert len(faults) > 20
    for fault, *_, tests in faults:
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, f"'{fault}' names no test"
        assert existing.issuperset(named), f"'{fault}' names {set(named) - existing}"
