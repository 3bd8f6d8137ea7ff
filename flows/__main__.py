"""The command line: `energy-pipeline`, the same as `python -m flows`."""

from __future__ import annotations

import signal
import sys

import typer

from flows.command_line.catalog_commands import add, catalog, preview
from flows.command_line.check_commands import status, validate
from flows.command_line.options import EXIT_INTERRUPTED, end_on_sigterm
from flows.command_line.run_commands import demo, drain, run
from flows.process.interrupts import resend_swallowed_interrupts

app = typer.Typer(
    name="energy-pipeline",
    help="Collect electricity data from HTTP APIs and store it as CSV objects in S3.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (run, validate, status, demo, drain, catalog, add, preview):
    app.command()(command)


def main(command: str | None = None) -> None:
    """Run the command line; the exit codes are those of the README.

    Args:
        command: The command to which the arguments belong, where they do not name it.
    """
    signal.signal(signal.SIGTERM, end_on_sigterm)
    resend_swallowed_interrupts()
    try:
        app([command, *sys.argv[1:]] if command else None)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
