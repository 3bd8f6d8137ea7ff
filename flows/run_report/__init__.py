"""REPORT: outcomes become results and statistics. Pure: the numbers always add up.

`results` has the JSON document of a run, `backfill_results` and `date_counts` what concerns dates.
"""

from flows.run_report.errors import PipelineFailedError
from flows.run_report.results import (
    ApiOutcome,
    ApiResult,
    CollectionStatus,
    RunResults,
    UploadStatus,
    done_text,
    failed_result,
    results_of_no_run,
    run_results,
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
    "done_text",
    "failed_result",
    "results_of_no_run",
    "run_results",
    "verdict",
    "windows_of_all",
]
