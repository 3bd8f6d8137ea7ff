"""REPORT: outcomes become results and statistics. Pure: the numbers always add up."""

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
    """What became of one API in one run.

    Attributes:
        rows: Rows collected.
        columns: Columns collected.
        bytes: Size of the objects, in bytes.
        attempts: Requests sent to the API.
        error: Why it failed, in one line without secrets; None where it did not. Data that was stored may
            have failed a check.
        spooled_to: The file that keeps the data of a failed upload, if one does.
        findings: What is worth knowing about the data although it was stored.
        other_s3_keys: Keys of its further objects, where it has several `outputs` or dates; `s3_key` is
            that of the first output, and of the last date.
        windows: What became of each of the dates, where dates were asked for.
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

    @property
    def is_end_to_end(self) -> bool:
        """Whether the data was stored or, rightly, there was none, and nothing is wrong with it."""
        return self.collection_status == "success" and self.upload_status != "failed" and not self.error

    @property
    def is_partly_done(self) -> bool:
        """Whether some of the dates that it was asked for went through."""
        windows = self.windows
        return windows is not None and windows["stored"] + windows["empty"] > 0


class ApiResult(TypedDict):
    """One API's part of the results; `windows` is there where dates were asked for."""

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
    """Rates from 0.0 to 1.0; 0.0 where nothing was attempted."""

    collection_success_rate: float
    upload_success_rate: float
    successful_end_to_end: int


class RunResults(TypedDict):
    """What a run returns, prints as JSON and keeps; `errors` says why a run could not start."""

    pipeline_status: Literal["completed", "failed"]
    run_id: str
    started_at: str
    duration_seconds: float
    statistics: Statistics
    summary: Summary
    results: list[ApiResult]
    errors: list[str]


def verdict(outcomes: Sequence[ApiOutcome]) -> Verdict:
    """`failed` where nothing went through, `partially-completed` where only some did."""
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
    """The results of a run, from the outcomes of its APIs."""
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
    """The results where what was asked for is wrong, so that no run was begun."""
    return run_results((), run_id="", started_at=datetime.now(UTC), duration_seconds=0.0, errors=errors)


def failed_result(name: str, error: str) -> ApiResult:
    """The result of an API that was not run, since what was asked for is wrong."""
    return _api_result(ApiOutcome(name, "", "failed", "skipped", error=error))


def run_statistics(outcomes: Sequence[ApiOutcome]) -> Statistics:
    """How many APIs were collected and stored."""
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


def done_text(results: RunResults) -> str:
    """How much of a run went through, in words; where dates were asked for, those of all APIs together."""
    done, total = results["summary"]["successful_end_to_end"], results["statistics"]["total_apis"]
    told = f"{done} of {total} APIs stored or empty"
    windows = windows_of_all(results)
    return f"{told}; dates: {windows_text(windows)}" if windows else told


def windows_of_all(results: RunResults) -> WindowCounts | None:
    """The dates of all APIs together; None where no dates were asked for."""
    windows = [result["windows"] for result in results["results"] if "windows" in result]
    return joined_windows(windows) if windows else None
