"""`uv run python -m tests.benchmarks tabulate`: figures to compare within one run, never a test's verdict."""

from __future__ import annotations

import argparse


def main() -> None:
    """Run the benchmark that is named and print its figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("benchmark", choices=["tabulate"])
    parser.add_argument("--rounds", type=int, default=7, help="how often each contestant runs")
    arguments = parser.parse_args()
    from tests.benchmarks.tabulating import run_tabulating

    run_tabulating(arguments.rounds)


if __name__ == "__main__":
    main()
