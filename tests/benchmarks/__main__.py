"""`uv run python -m tests.benchmarks NAME`: figures that are only comparable within one run."""

from __future__ import annotations

import argparse


def main() -> None:
    """Run one benchmark and print its figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("benchmark", choices=["S", "M", "L", "XL", "tabulate", "interruption", "hostile"])
    parser.add_argument("--rounds", type=int, help="runs of each contestant, or number of interruptions")
    parser.add_argument("--only", action="append", help="run only this contestant; may be repeated")
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
            from tests.benchmarks.hostile_responses import run_hostile_responses

            run_hostile_responses()


if __name__ == "__main__":
    main()
