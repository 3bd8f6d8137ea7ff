"""REPORT: turns the outcomes of APIs into results and statistics. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NotRequired, TypedDict

from flows.run_report.date_counts import WindowCounts, joined_windows, windows_text

CollectionStatus = Literal["success", "failed"]
UploadStatus = Literal["success", "failed", "skipped"]
Verdict = Literal["completed", "partially-completed", "failed"]


@dataclass(frozen=True)
class ApiOutcome:
    """The outcome of one API in one run.

    Attributes:
        api_name: Name of the API.
        output_folder: Folder of its objects.
        collection_status: Whether its data was collected and tabulated.
        upload_status: Whether its objects were stored; `skipped` if there are no rows or collecting failed.
        s3_key: Key of the object of the first output, and of the last window for past dates.
        s3_uri: The same as `s3://bucket/key`.
        rows: Rows collected.
        columns: Columns collected.
        bytes: Size of the objects.
        attempts: Requests sent to the API.
        duration_seconds: Duration of collecting and storing.
        error: Why it failed, in one line without secrets; None if it did not. Set also if the data was stored
            and a check of it failed.
        spooled_to: Path of the file that keeps an object whose upload failed.
        findings: Findings about the data.
        other_s3_keys: Keys of its further objects, if it has several `outputs` or windows.
        windows: Counts of the requested units, for past dates only.
        without_rows: The first and the last stamp of each range of units without a row, of a longer window.
        units_without_rows: Their number.
    """

    api_name: str
    output_folder: str
    collection_status: CollectionStatus
    upload_status: UploadStatus
    s3_key: str | None = None
    s3_uri: str | None = None
    rows: int = 0
    columns: int = 0
    bytes: int = 0
    attempts: int = 0
    duration_seconds: float = 0.0
    error: str | None = None
    spooled_to: str | None = None
    findings: tuple[str, ...] = ()
    other_s3_keys: tuple[str, ...] = ()
    windows: WindowCounts | None = None
    without_rows: tuple[tuple[str, str], ...] = ()
    units_without_rows: int = 0

    @property
    def is_end_to_end(self) -> bool:
        """Whether the data was stored or is rightly empty, and passed its checks."""
        return self.collection_status == "success" and self.upload_status != "failed" and not self.error

    @property
    def is_partly_done(self) -> bool:
        """Whether some of the requested units were stored or are empty."""
        windows = self.windows
        return windows is not None and windows["stored"] + windows["empty"] > 0


class ApiResult(TypedDict):
    """The results of one API; see `ApiOutcome`. `windows` is present for past dates only."""

    api_name: str
    output_folder: str
    collection_status: CollectionStatus
    upload_status: UploadStatus
    s3_key: str | None
    s3_uri: str | None
    rows: int
    columns: int
    bytes: int
    attempts: int
    duration_seconds: float
    error: str | None
    spooled_to: str | None
    findings: list[str]
    other_s3_keys: list[str]
    windows: NotRequired[WindowCounts]


class Statistics(TypedDict):
    """Counts of APIs.

    Every API is a successful or a failed collection, and every successful collection is a
    successful, failed or skipped upload.
    """

    total_apis: int
    successful_collections: int
    successful_uploads: int
    failed_collections: int
    failed_uploads: int
    skipped_uploads: int


class Summary(TypedDict):
    """Rates from 0.0 to 1.0 (0.0 if nothing was attempted), and the number of APIs stored or empty."""

    collection_success_rate: float
    upload_success_rate: float
    successful_end_to_end: int


class RunResults(TypedDict):
    """The results of a run. `started_at` is ISO 8601 in UTC; `errors` says why a run could not start."""

    pipeline_status: Literal["completed", "failed"]
    run_id: str
    started_at: str
    duration_seconds: float
    statistics: Statistics
    summary: Summary
    results: list[ApiResult]
    errors: list[str]


def verdict(outcomes: Sequence[ApiOutcome]) -> Verdict:
    """`completed` if all APIs succeeded, `failed` if none did even in part, else `partially-completed`."""
    succeeded = sum(outcome.is_end_to_end for outcome in outcomes)
    if not succeeded and not any(outcome.is_partly_done for outcome in outcomes):
        return "failed"
    return "completed" if succeeded == len(outcomes) else "partially-completed"


def run_results(
    outcomes: Iterable[ApiOutcome],
    *,
    run_id: str,
    started_at: datetime,
    duration_seconds: float,
    errors: Iterable[object] = (),
) -> RunResults:
    """Build the results of a run from the outcomes of its APIs."""
    outcomes = tuple(outcomes)
    statistics = run_statistics(outcomes)
    attempted_uploads = statistics["successful_uploads"] + statistics["failed_uploads"]
    return RunResults(
        pipeline_status="failed" if verdict(outcomes) == "failed" else "completed",
        run_id=run_id,
        started_at=started_at.isoformat(timespec="seconds"),
        duration_seconds=round(duration_seconds, 3),
        statistics=statistics,
        summary=Summary(
            collection_success_rate=_rate(statistics["successful_collections"], statistics["total_apis"]),
            upload_success_rate=_rate(statistics["successful_uploads"], attempted_uploads),
            successful_end_to_end=sum(outcome.is_end_to_end for outcome in outcomes),
        ),
        results=[_api_result(outcome) for outcome in outcomes],
        errors=[str(error) for error in errors],
    )


def results_of_no_run(errors: Iterable[object]) -> RunResults:
    """The results if a wrong configuration or parameter prevented the run."""
    return run_results((), run_id="", started_at=datetime.now(UTC), duration_seconds=0.0, errors=errors)


def failed_result(name: str, error: str) -> ApiResult:
    """The result of an API that was not run, since what was asked for is wrong."""
    return _api_result(ApiOutcome(name, "", "failed", "skipped", error=error))


def run_statistics(outcomes: Sequence[ApiOutcome]) -> Statistics:
    """Count APIs by the status of their collection and upload."""
    collected = [outcome for outcome in outcomes if outcome.collection_status == "success"]
    uploads = [outcome.upload_status for outcome in collected]
    return Statistics(
        total_apis=len(outcomes),
        successful_collections=len(collected),
        successful_uploads=uploads.count("success"),
        failed_collections=len(outcomes) - len(collected),
        failed_uploads=uploads.count("failed"),
        skipped_uploads=uploads.count("skipped"),
    )


def _api_result(outcome: ApiOutcome) -> ApiResult:
    result = ApiResult(
        api_name=outcome.api_name,
        output_folder=outcome.output_folder,
        collection_status=outcome.collection_status,
        upload_status=outcome.upload_status,
        s3_key=outcome.s3_key,
        s3_uri=outcome.s3_uri,
        rows=outcome.rows,
        columns=outcome.columns,
        bytes=outcome.bytes,
        attempts=outcome.attempts,
        duration_seconds=round(outcome.duration_seconds, 3),
        error=outcome.error,
        spooled_to=outcome.spooled_to,
        findings=list(outcome.findings),
        other_s3_keys=list(outcome.other_s3_keys),
    )
    if outcome.windows is not None:
        result["windows"] = outcome.windows
    return result


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def summary_text(results: RunResults) -> str:
    """A summary in words, with the dates of all APIs: `3 of 4 APIs stored or empty; dates: 5 of 5 stored`."""
    done, total = results["summary"]["successful_end_to_end"], results["statistics"]["total_apis"]
    text = f"{done} of {total} APIs stored or empty"
    windows = windows_of_all(results)
    return f"{text}; dates: {windows_text(windows)}" if windows else text


def windows_of_all(results: RunResults) -> WindowCounts | None:
    """The counts of all APIs added up; None if the run was not for past dates."""
    windows = [result["windows"] for result in results["results"] if "windows" in result]
    return joined_windows(windows) if windows else None
