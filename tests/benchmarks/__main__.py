"""`uv run python -m tests.benchmarks NAME`: figures to compare within one run, never a test's verdict."""

from __future__ import annotations

import argparse


def main() -> None:
    """Run the benchmark that is named and print its figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("benchmark", choices=["S", "M", "L", "XL", "tabulate", "interruption", "hostile"])
    parser.add_argument("--rounds", type=int, help="how often each contestant runs, or a run is interrupted")
    parser.add_argument("--only", action="append", help="a contestant; may be repeated")
    arguments = parser.parse_args()
    match arguments.benchmark:
        case "S" | "M" | "L" | "XL":
            from tests.benchmarks.scaling import run_scaling

            run_scaling(arguments.benchmark, arguments.rounds or 3, arguments.only)
        case "tabulate":
            from tests.benchmarks.tabulating import run_tabulating

            run_tabulating(arguments.rounds or 7)
        case "interruption":
            from tests.benchmarks.interruption import run_interruption

            run_interruption(arguments.rounds or 50)
        case "hostile":
            from tests.benchmarks.hostile_replies import run_hostile_replies

            run_hostile_replies()


if __name__ == "__main__":
    main()
