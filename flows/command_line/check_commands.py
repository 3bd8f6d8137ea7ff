"""The commands that look and store nothing: `validate` and `status`."""

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
    asking_blocks,
    pipeline_for,
    prepare_prefect,
    print_json,
    refusing_wrong_configuration,
    say,
)


def validate(
    config: ConfigOption = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Ask each API and the bucket too; nothing is stored.")
    ] = False,
    bucket: BucketOption = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the configuration and the variables it refers to. Exit 0: valid; 1: a probe failed; 2: not."""
    pipeline = pipeline_for(config, bucket, profile, region)
    if probe:
        from flows.command_line.results_output import waiting

        prepare_prefect()
        asking = waiting("asking the APIs and the bucket")
        with refusing_wrong_configuration(), asking_blocks(bucket), asking:
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
        say(report["errors"])
        if probes:
            from flows.command_line.preview_output import print_probes

            print_probes(probes)
    if not report["config_valid"]:
        raise typer.Exit(EXIT_WRONG_USAGE)
    raise typer.Exit(0 if all(answer["ok"] for answer in probes) else EXIT_FAILED)


def status(
    config: ConfigOption = None,
    bucket: BucketOption = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the last run on this machine and the newest object of each API's runs, past dates aside."""
    from flows.command_line.results_output import print_status

    prepare_prefect()
    with refusing_wrong_configuration(), asking_blocks(bucket):
        report = pipeline_for(config, bucket, profile, region).get_pipeline_status()
    if as_json:
        print_json(report)
    else:
        print_status(report)
    raise typer.Exit(EXIT_FAILED if any(api["error"] for api in report["apis"]) else 0)
