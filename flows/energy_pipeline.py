"""The flow: collect the configured APIs, store each as a CSV object, report.

Requires: a configuration (`flows/api_config.json` or `ENERGY_PIPELINE_CONFIG_FILE`), the secrets it
refers to, and an S3 bucket: an `S3Bucket` block (`python -m blocks.register` makes it) or
`ENERGY_PIPELINE_S3_BUCKET` with AWS credentials.

Prefect loads this file under a second module name, so it defines flows only.

`python flows/energy_pipeline.py` is `energy-pipeline run`, with the same options and exit codes.
"""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.orchestration.backfill_run import run_backfill
from flows.orchestration.flow_parameters import ApiNames, ConfigFile, EndDate, Force, S3Block, StartDate
from flows.orchestration.pipeline_run import run_pipeline
from flows.orchestration.task_runners import thread_pool
from flows.run_report import RunResults


@flow(name="energy-pipeline", task_runner=thread_pool())  # type: ignore[arg-type]
def energy_pipeline(
    apis: ApiNames = None, config_file: ConfigFile = None, s3_block: S3Block = None
) -> State[RunResults]:
    """Collect electricity data from the configured APIs and store each as a CSV object in S3.

    Args:
        apis: Names or output folders of the APIs to run; none for all that are enabled.
        config_file: Configuration to use instead of the one in the settings.
        s3_block: Name of the `S3Bucket` block to store into instead of the one in the settings.

    Returns:
        Completed when every API is stored or empty; PartiallyCompleted when some failed; Failed
        when all failed or the configuration is wrong. The state's data are the results.
    """
    return run_pipeline(apis, config_file, s3_block)


@flow(name="energy-pipeline-backfill", task_runner=thread_pool())  # type: ignore[arg-type]
def backfill(
    start_date: StartDate,
    end_date: EndDate,
    apis: ApiNames = None,
    config_file: ConfigFile = None,
    s3_block: S3Block = None,
    force: Force = False,
) -> State[RunResults]:
    """Collect past dates of the configured APIs that are not stored yet, each as an object of its own in S3.

    Args:
        start_date: The first day, by the calendar of each API's zone.
        end_date: The last day, inclusive; not after today.
        apis: Names or output folders of the APIs; none for all that are enabled and can be asked for dates.
        config_file: Configuration to use instead of the one in the settings.
        s3_block: Name of the `S3Bucket` block to store into instead of the one in the settings.
        force: Whether to collect also what is stored.

    Returns:
        Completed when all dates are stored or empty; PartiallyCompleted when some failed; Failed
        when all failed or what was asked for is wrong. The state's data are the results.
    """
    return run_backfill(start_date, end_date, apis, config_file, s3_block, force=force)


if __name__ == "__main__":
    from flows.__main__ import main

    main("run")
