"""The Prefect flows, and the entrypoint of their deployments.

They need a configuration (`flows/api_config.json` or `ENERGY_PIPELINE_CONFIG_FILE`), the secrets it refers
to, and an S3 bucket: an `S3Bucket` block (`python -m blocks.register` creates it) or
`ENERGY_PIPELINE_S3_BUCKET` with AWS credentials.

Prefect loads this file under a second module name, in which a class would be a second class. So it defines
flows only. `python flows/energy_pipeline.py` is `energy-pipeline run`, with the same options and exit codes.
"""

from __future__ import annotations

from datetime import date

from prefect import flow
from prefect.client.schemas.objects import State

from flows.orchestration.backfill_run import run_backfill
from flows.orchestration.flow_parameters import ApiNames
from flows.orchestration.pipeline_run import run_pipeline
from flows.orchestration.task_runners import thread_pool
from flows.run_report import RunResults


@flow(name="energy-pipeline", task_runner=thread_pool())  # type: ignore[arg-type]
def energy_pipeline(
    apis: ApiNames = None, config_file: str | None = None, s3_block: str | None = None
) -> State[RunResults]:
    """Collect the current data of the configured APIs and store each response as a CSV object in S3.

    Args:
        apis: Names or output folders of the APIs; by default all enabled ones.
        config_file: Configuration file; by default that of the settings.
        s3_block: Name of the `S3Bucket` block to store into; by default that of the settings.

    Returns:
        Completed if every API is stored or empty; PartiallyCompleted if some failed; Failed
        if all failed or the configuration is wrong. The data of the state are the results.
    """
    return run_pipeline(apis, config_file, s3_block)


@flow(name="energy-pipeline-backfill", task_runner=thread_pool())  # type: ignore[arg-type]
def backfill(
    start_date: date,
    end_date: date,
    apis: ApiNames = None,
    config_file: str | None = None,
    s3_block: str | None = None,
    force: bool = False,
) -> State[RunResults]:
    """Collect the missing past dates of the configured APIs and store each as an object of its own in S3.

    Args:
        start_date: First day, in the time zone of each API.
        end_date: Last day, inclusive; not after today.
        apis: Names or output folders of the APIs; by default all enabled ones that have dates.
        config_file: Configuration file; by default that of the settings.
        s3_block: Name of the `S3Bucket` block to store into; by default that of the settings.
        force: Overwrite stored dates.

    Returns:
        Completed if all dates are stored or empty; PartiallyCompleted if some failed; Failed
        if all failed or a parameter is wrong. The data of the state are the results.
    """
    return run_backfill(start_date, end_date, apis, config_file, s3_block, force=force)


if __name__ == "__main__":
    import runpy
    import sys

    sys.argv.insert(1, "run")
    runpy.run_module("flows", run_name="__main__")
