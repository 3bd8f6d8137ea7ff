"""The README files name tests, commands and files that exist."""

from __future__ import annotations

import ast
import re

from tests.conftest import REPOSITORY

TESTS = REPOSITORY / "tests"
READMES = [REPOSITORY / "README.md"] + [
    file
    for folder in ("flows", "blocks", "tests")
    for file in sorted((REPOSITORY / folder).rglob("README.md"))
]


def names_of_tests() -> set[str]:
    files = [file for folder in ("unit", "flow", "contract") for file in (TESTS / folder).glob("test_*.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def rows_of_faults() -> list[list[str]]:
    readme = (TESTS / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## What goes wrong, and what then happens\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[2:]]


def anchors_of(text: str) -> set[str]:
    """The anchors that GitHub gives the headings of a Markdown text."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_fault_names_tests_that_exist() -> None:
    existing = names_of_tests()
    faults = [cells for cells in rows_of_faults() if not cells[0].startswith("**")]
    assert len(faults) > 20
    offenders = []
    for fault, *_, tests in faults:
        named = set(re.findall(r"`(test_\w+)`", tests))
        if not named or named - existing:
            offenders.append(f"'{fault}' names {named - existing or 'no test'}")
    assert not offenders


def test_relative_links_of_readmes_lead_to_files_and_headings_that_exist() -> None:
    offenders = []
    for readme in READMES:
        text = readme.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = readme.parent / path if path else readme
            is_found = target.exists()
            if is_found and anchor:
                is_found = anchor in anchors_of(target.read_text(encoding="utf-8"))
            if not is_found:
                offenders.append(f"{readme.relative_to(REPOSITORY)}: {link}")
    assert not offenders
