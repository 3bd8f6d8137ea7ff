"""The command line `energy-pipeline`, also available as `python -m flows`."""

from __future__ import annotations

import signal
import sys

import typer

from flows.command_line.catalog_commands import add, catalog, preview
from flows.command_line.check_commands import status, validate
from flows.command_line.options import exit_on_sigterm
from flows.command_line.run_commands import demo, drain, run
from flows.command_line.standard_streams import tolerated_streams
from flows.process.interrupts import (
    EXIT_INTERRUPTED,
    force_end_after_signals,
    resend_swallowed_interrupts,
)

app = typer.Typer(
    name="energy-pipeline",
    help="Collect electricity data from HTTP APIs and store it as CSV objects in S3.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (run, validate, status, demo, drain, catalog, add, preview):
    app.command()(command)


def main() -> None:
    """Run the command line; `flows/run_report/README.md` lists the exit codes."""
    # first, since a closed stream leaves its number to the next file or socket that is opened
    with tolerated_streams():
        signal.signal(signal.SIGTERM, exit_on_sigterm)
        force_end_after_signals()
        resend_swallowed_interrupts()
        try:
            app()
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
