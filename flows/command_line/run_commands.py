"""The commands that collect and store: `run`, `drain` and `demo`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from flows.command_line.options import (
    DAY_FORMATS,
    EXIT_FAILED,
    EXIT_WRONG_USAGE,
    BucketOption,
    ConfigOption,
    JsonOption,
    ProfileOption,
    RegionOption,
    exit_on_wrong_configuration,
    pipeline_for,
    prepare_prefect,
    print_errors,
    print_json,
    requested_days,
    with_prefect_server_for_blocks,
)
from flows.process.memory import give_freed_memory_back, loading_modules
from flows.process.temporary_prefect import reaching_prefect, serving_prefect


def run(
    api: Annotated[
        list[str] | None, typer.Option("--api", help="Name or output folder of an API; may be repeated.")
    ] = None,
    config: ConfigOption = None,
    bucket: BucketOption = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
    start: Annotated[
        datetime | None, typer.Option("--start", formats=DAY_FORMATS, help="First day to collect.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--end", formats=DAY_FORMATS, help="Last day to collect, inclusive.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="With dates: overwrite stored dates.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Collect and store the configured APIs: current data, or with --start and --end missing past dates.

    Exit 0: all stored or empty; 1: some or all failed; 2: wrong configuration or usage.
    """
    from flows.api_config import ConfigError
    from flows.command_line.results_output import print_results, show_activity
    from flows.run_report import results_of_no_run

    days = requested_days(start, end, force=force)
    prepare_prefect()
    give_freed_memory_back()
    pipeline = pipeline_for(config, bucket, profile, region)
    problems = pipeline.validate_configuration(api, days)["errors"]
    if problems:
        # before the seconds that Prefect takes to start
        results = results_of_no_run(problems)
    else:
        try:
            with reaching_prefect(), serving_prefect(show_activity) as wait_for_server:
                with show_activity("loading Prefect"), loading_modules():
                    import flows.energy_pipeline  # noqa: F401 - takes over a second
                wait_for_server()
                if days:
                    from flows.command_line.progress_output import progress_bar

                    with progress_bar() as show:
                        results = pipeline.run_backfill(*days, api, force=force, show=show)
                else:
                    results = pipeline.run_selective_pipeline(api) if api else pipeline.run_full_pipeline()
        except ConfigError as error:
            results = results_of_no_run(error.problems)
    if as_json:
        print_json(results)
    else:
        print_results(results)
    if results["errors"]:
        print_errors(results["errors"])
        raise typer.Exit(EXIT_WRONG_USAGE)
    is_all_done = results["summary"]["successful_end_to_end"] == results["statistics"]["total_apis"]
    raise typer.Exit(0 if is_all_done else EXIT_FAILED)


def drain(
    bucket: BucketOption = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Upload the objects in the spool of this machine. Exit 0: the spool is empty; 1: objects are left."""
    prepare_prefect()
    with exit_on_wrong_configuration(), with_prefect_server_for_blocks(bucket):
        report = pipeline_for(None, bucket, profile, region).drain_spool()
    if as_json:
        superseded = report.superseded_uris
        print_json({"stored": report.stored_uris, "superseded": superseded, "problems": report.problems})
    else:
        for uri in report.stored_uris:
            typer.echo(f"uploaded {uri}")
        for uri in report.superseded_uris:
            typer.echo(f"not uploaded, the stored object is newer: {uri}")
        if not (report.stored_uris or report.superseded_uris or report.problems):
            typer.echo("the spool is empty")
        print_errors(report.problems)
    raise typer.Exit(EXIT_FAILED if report.problems else 0)


def demo(
    ui: Annotated[bool, typer.Option("--ui", help="Keep the servers and the UI up until Ctrl-C.")] = False,
) -> None:
    """Run the pipeline against an imitation of ISO New England's API and an S3 server on this machine."""
    prepare_prefect()
    from flows.process.child_process import ServerStartError

    try:
        from flows.command_line.demo import run_demo
    except ModuleNotFoundError as error:
        print_errors([f"the demo needs {error.name}: install the extra 'demo' (uv sync --extra demo)"])
        raise typer.Exit(EXIT_WRONG_USAGE) from None
    try:
        exit_code = run_demo(keep_ui=ui)
    except ServerStartError as error:
        print_errors([error])
        exit_code = EXIT_FAILED
    raise typer.Exit(exit_code)
