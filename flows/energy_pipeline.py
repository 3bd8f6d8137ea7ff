"""The flow: collect the configured APIs, store each as a CSV object, report.

Requires: a configuration (`flows/api_config.json` or `ENERGY_PIPELINE_CONFIG_FILE`), the secrets it
refers to, and an S3 bucket: an `S3Bucket` block (`python -m blocks.register` makes it) or
`ENERGY_PIPELINE_S3_BUCKET` with AWS credentials.

Prefect loads this file under a second module name, so it holds flows only.
"""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.backfill_run import run_backfill
from flows.flow_parameters import ApiNames, ConfigFile, EndDate, Force, S3Block, SplitInto, StartDate
from flows.pipeline_run import run_pipeline
from flows.run_report import RunResults
from flows.task_runners import TaskRunnerOfSettings


@flow(name="energy-pipeline", task_runner=TaskRunnerOfSettings())  # type: ignore[arg-type]
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


@flow(name="energy-pipeline-backfill", task_runner=TaskRunnerOfSettings())  # type: ignore[arg-type]
def backfill(
    start_date: StartDate,
    end_date: EndDate,
    apis: ApiNames = None,
    config_file: ConfigFile = None,
    s3_block: S3Block = None,
    force: Force = False,
    split_into: SplitInto = 1,
) -> State[RunResults]:
    """Collect past dates of the configured APIs that are not stored yet, each as an object of its own in S3.

    Args:
        start_date: The first day, by the calendar of each API's zone.
        end_date: The last day, inclusive; not after today.
        apis: Names or output folders of the APIs; none for all that are enabled and can be asked for dates.
        config_file: Configuration to use instead of the one in the settings.
        s3_block: Name of the `S3Bucket` block to store into instead of the one in the settings.
        force: Whether to collect also what is stored.
        split_into: How many runs share it, each taking a part of the days, of the deployment that this
            is a run of; any worker of its work pool may take one.

    Returns:
        Completed when all dates are stored or empty; PartiallyCompleted when some failed; Failed
        when all failed or what was asked for is wrong. The state's data are the results.
    """
    return run_backfill(start_date, end_date, apis, config_file, s3_block, force=force, split_into=split_into)
