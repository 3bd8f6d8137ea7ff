"""Shared by the commands: exit codes, options, output of JSON and errors."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from flows.process.interrupts import EXIT_TERMINATED

if TYPE_CHECKING:
    from types import FrameType

    from flows.integration import EnergyDataPipelineIntegration

DAY_FORMATS = ["%Y-%m-%d", "%Y%m%d"]
EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Configuration file; by default that of the settings.")
]
BucketOption = Annotated[str | None, typer.Option("--bucket", help="S3 bucket to store into.")]
ProfileOption = Annotated[str | None, typer.Option("--profile", help="AWS profile for the bucket.")]
RegionOption = Annotated[str | None, typer.Option("--region", help="AWS region of the bucket.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document only.")]


def pipeline_for(
    config: Path | None, bucket: str | None = None, profile: str | None = None, region: str | None = None
) -> EnergyDataPipelineIntegration:
    """The pipeline for the options of a command."""
    from flows.integration import EnergyDataPipelineIntegration

    return EnergyDataPipelineIntegration(config, bucket, profile, region)


def requested_days(start: datetime | None, end: datetime | None, *, force: bool) -> tuple[date, date] | None:
    """The first and the last day given by `--start` and `--end`; None if there are neither.

    Raises:
        typer.BadParameter: If only one of them is given, or `--force` without them.
    """
    if start and end:
        return start.date(), end.date()
    if start or end:
        raise typer.BadParameter("--start and --end must be given together")
    if force:
        raise typer.BadParameter("--force needs --start and --end: a run without dates skips nothing")
    return None


def prepare_prefect() -> None:
    """Set what Prefect reads from the environment when it is imported, and create the folder of its home.

    The settings are defaults: they override nothing.
    """
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "flows")
    # it logs in full each event that cannot be sent to a server that has died, beside a warning
    os.environ.setdefault("PREFECT_LOGGING_INTERNAL_LEVEL", "CRITICAL")
    # tracebacks that the embedded server logs while it starts and stops are harmless
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    # Prefect creates the folder, but not those above it; without a home at all it says so itself
    with suppress(OSError, RuntimeError):
        home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
        home.parent.mkdir(parents=True, exist_ok=True)


def program_name() -> str:
    """The command line as it was called, for hints: `energy-pipeline`, `python -m flows`, after `uv run`."""
    name = "python -m flows" if Path(sys.argv[0]).name == "__main__.py" else "energy-pipeline"
    return f"uv run {name}" if "UV_RUN_RECURSION_DEPTH" in os.environ else name


def print_json(document: object) -> None:
    """Print a document on stdout; where that is not in UTF-8, in ASCII."""
    is_utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=not is_utf8) + "\n")


@contextmanager
def exit_on_wrong_configuration() -> Iterator[None]:
    """Print what is wrong with the configuration, or that Prefect cannot be reached, and exit with code 2."""
    from flows.api_config import ConfigError
    from flows.process.temporary_prefect import reaching_prefect

    try:
        with reaching_prefect():
            yield
    except ConfigError as error:
        print_errors(error.problems)
        raise typer.Exit(EXIT_WRONG_USAGE) from None


@contextmanager
def with_prefect_server_for_blocks(bucket: str | None) -> Iterator[None]:
    """Start a temporary Prefect server, if none is configured, to load the block of the bucket from.

    Args:
        bucket: The command's `--bucket`; if it is given, no block is loaded and no server is needed.
    """
    from flows.command_line.results_output import show_activity
    from flows.process.memory import loading_modules
    from flows.process.temporary_prefect import serving_prefect

    with nullcontext() if bucket else serving_prefect(show_activity) as wait_for_server:
        with show_activity("loading Prefect"), loading_modules():
            import flows.orchestration.run_resources  # noqa: F401 - takes over a second
        if wait_for_server:
            wait_for_server()
        yield


def print_errors(errors: Iterable[object]) -> None:
    """Print errors on stderr, one line each."""
    for error in errors:
        typer.echo(f"error: {error}", err=True)


def exit_on_sigterm(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Signal handler: exit in order, with the exit code of SIGTERM."""
    sys.exit(EXIT_TERMINATED)
