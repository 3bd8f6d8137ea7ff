"""What the commands share: exit codes, options, and the ways they speak."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from flows.process.interrupts import EXIT_TERMINATED, end_in_time

if TYPE_CHECKING:
    from types import FrameType

    from flows.integration import EnergyDataPipelineIntegration

DAY_FORMATS = ["%Y-%m-%d", "%Y%m%d"]
EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2
EXIT_INTERRUPTED = 130

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Configuration file instead of the one in the settings.")
]
BucketOption = Annotated[str | None, typer.Option("--bucket", help="Bucket to store into.")]
ProfileOption = Annotated[str | None, typer.Option("--profile", help="AWS profile for the bucket.")]
RegionOption = Annotated[str | None, typer.Option("--region", help="AWS region of the bucket.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def pipeline_for(
    config: Path | None, bucket: str | None = None, profile: str | None = None, region: str | None = None
) -> EnergyDataPipelineIntegration:
    """The pipeline that a command's options name."""
    from flows.integration import EnergyDataPipelineIntegration

    return EnergyDataPipelineIntegration(config, bucket, profile, region)


def days_asked_for(start: datetime | None, end: datetime | None, *, force: bool) -> tuple[date, date] | None:
    """The first and the last day of a command's options; None where it has none.

    Raises:
        typer.BadParameter: Where only one of them is given, or `--force` without them.
    """
    if start and end:
        return start.date(), end.date()
    if start or end:
        raise typer.BadParameter("--start and --end go together: name the first and the last day")
    if force:
        raise typer.BadParameter("--force goes with --start and --end; without days nothing is left out")
    return None


def prepare_prefect() -> None:
    """Settings that Prefect must find in the environment when it is imported; the user's go first."""
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "flows")
    # the embedded server's own troubles as it starts and stops, with tracebacks, are not the user's
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")


def program_name() -> str:
    """The command line as it was called, for hints: `energy-pipeline`, `python -m flows`, after `uv run`."""
    name = "python -m flows" if Path(sys.argv[0]).name == "__main__.py" else "energy-pipeline"
    return f"uv run {name}" if "UV_RUN_RECURSION_DEPTH" in os.environ else name


def print_json(document: object) -> None:
    """Print a document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def refusing_wrong_configuration() -> Iterator[None]:
    """Say what is wrong with a configuration, or with the Prefect server it needs, and end the command."""
    from flows.api_config import ConfigError
    from flows.process.temporary_prefect import reaching_prefect

    try:
        with reaching_prefect():
            yield
    except ConfigError as error:
        say(error.problems)
        raise typer.Exit(EXIT_WRONG_USAGE) from None


@contextmanager
def asking_blocks(bucket: str | None) -> Iterator[None]:
    """Serve Prefect where it is needed for the bucket's block, and no server is named.

    Args:
        bucket: That of the command's options, with which no block is asked for.
    """
    from flows.command_line.results_output import waiting
    from flows.process.memory import loading_modules
    from flows.process.temporary_prefect import serving_prefect

    with nullcontext() if bucket else serving_prefect(waiting) as wait_for_server:
        with waiting("loading Prefect"), loading_modules():
            import flows.orchestration.run_resources  # noqa: F401 - over a second, which must not look like a hang
        if wait_for_server:
            wait_for_server()
        yield


def say(lines: object) -> None:
    """Print errors on stderr, a line each."""
    for line in lines if isinstance(lines, list | tuple) else [lines]:
        typer.echo(f"error: {line}", err=True)


def end_on_sigterm(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End in order on SIGTERM, and after some seconds at once; by then what was collected is kept."""
    end_in_time()
    sys.exit(EXIT_TERMINATED)
