"""REPORT: turns the outcomes of APIs into the results and statistics of a run. Pure.

`results` defines the JSON document of a run (see the README of this folder), `backfill_results` and
`date_counts` the part about past dates, `progress` the progress of a backfill; `last_run` keeps the results
on this machine.
"""

from flows.run_report.errors import PipelineFailedError
from flows.run_report.results import (
    ApiOutcome,
    ApiResult,
    CollectionStatus,
    RunResults,
    UploadStatus,
    failed_result,
    results_of_no_run,
    run_results,
    summary_text,
    verdict,
    windows_of_all,
)

__all__ = [
    "ApiOutcome",
    "ApiResult",
    "CollectionStatus",
    "PipelineFailedError",
    "RunResults",
    "UploadStatus",
    "failed_result",
    "results_of_no_run",
    "run_results",
    "summary_text",
    "verdict",
    "windows_of_all",
]
