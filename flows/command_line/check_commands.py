"""The commands that check without storing anything: `validate` and `status`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.command_line.options import (
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
    with_prefect_server_for_blocks,
)


def validate(
    config: ConfigOption = None,
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Also send a request to each API and the bucket."),
    ] = False,
    bucket: BucketOption = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the configuration and its variables. Exit 0: valid; 1: valid, but a probe failed; 2: invalid."""
    pipeline = pipeline_for(config, bucket, profile, region)
    if probe:
        from flows.command_line.results_output import show_activity

        prepare_prefect()
        with (
            exit_on_wrong_configuration(),
            with_prefect_server_for_blocks(bucket),
            show_activity("probing the APIs and the bucket"),
        ):
            report = pipeline.probe_access()
    else:
        report = pipeline.validate_configuration()
    probes = report.get("probes", [])
    if as_json:
        print_json(report)
    else:
        if report["config_valid"]:
            typer.echo(f"valid: {len(report['apis'])} APIs")
            for name in report["apis"]:
                typer.echo(f"  {name}")
        print_errors(report["errors"])
        if probes:
            from flows.command_line.preview_output import print_probes

            print_probes(probes)
    if not report["config_valid"]:
        raise typer.Exit(EXIT_WRONG_USAGE)
    raise typer.Exit(0 if all(probe_result["ok"] for probe_result in probes) else EXIT_FAILED)


def status(
    config: ConfigOption = None,
    bucket: BucketOption = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the last run on this machine and the newest object of each API, not counting past dates."""
    from flows.command_line.results_output import print_status

    prepare_prefect()
    with exit_on_wrong_configuration(), with_prefect_server_for_blocks(bucket):
        report = pipeline_for(config, bucket, profile, region).get_pipeline_status()
    if as_json:
        print_json(report)
    else:
        print_status(report)
    raise typer.Exit(EXIT_FAILED if any(api["error"] for api in report["apis"]) else 0)
