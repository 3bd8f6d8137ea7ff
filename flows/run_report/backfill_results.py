"""REPORT: combines the outcomes of an API's windows into one outcome. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flows.api_config import ApiConfig
from flows.run_report.date_counts import WindowCounts, WindowFailure, joined_windows
from flows.run_report.results import ApiOutcome, UploadStatus

# a whole year of failures must not fill the report
_MAX_FINDINGS = 20
_RANGE_SEPARATOR = ".."


@dataclass(frozen=True)
class WindowOutcome:
    """The outcome of one window.

    Attributes:
        stamp: The window as in the key of its object: `20240131`, or `2024013123` for an hour.
        units: Its length in units.
        outcome: The outcome of its collection, in the same form as that of an API.
        is_tried: Whether a request was sent for it.
    """

    stamp: str
    units: int
    outcome: ApiOutcome
    is_tried: bool = True


def api_outcome(
    api: ApiConfig, windows: Sequence[WindowOutcome], already_stored: int, duration_seconds: float
) -> ApiOutcome:
    """Combine the outcomes of an API's windows into one outcome.

    Args:
        api: The API.
        windows: The outcomes of the windows to collect, in chronological order.
        already_stored: Number of requested units that were stored before the run.
        duration_seconds: Duration of the API's part of the backfill.
    """
    outcomes = [window.outcome for window in windows]
    failed = [window for window in windows if window.outcome.error]
    uncollected = [window for window in windows if window.outcome.collection_status == "failed"]
    counts = window_counts(windows, already_stored)
    keys = [key for each in outcomes if each.s3_key for key in (each.s3_key, *each.other_s3_keys)]
    stored = [each for each in outcomes if each.upload_status == "success"]
    return ApiOutcome(
        api_name=api.name,
        output_folder=api.output_folder,
        collection_status="failed" if uncollected else "success",
        upload_status=_upload_status(outcomes, is_collected=not uncollected),
        s3_key=stored[-1].s3_key if stored else None,
        s3_uri=stored[-1].s3_uri if stored else None,
        rows=sum(each.rows for each in outcomes),
        columns=max((each.columns for each in outcomes), default=0),
        bytes=sum(each.bytes for each in outcomes),
        attempts=sum(each.attempts for each in outcomes),
        duration_seconds=duration_seconds,
        error=_error(failed, counts) if failed else None,
        spooled_to=next((each.spooled_to for each in outcomes if each.spooled_to), None),
        findings=_findings(windows),
        other_s3_keys=tuple(key for key in keys if key != stored[-1].s3_key) if stored else (),
        windows=counts,
    )


def window_counts(windows: Iterable[WindowOutcome], already_stored: int) -> WindowCounts:
    """Count the units by outcome; see `WindowCounts`."""
    counts = joined_windows(())
    counts["planned"] = counts["already_stored"] = already_stored
    for window in windows:
        counts["planned"] += window.units
        outcome = window.outcome
        if not window.is_tried:
            counts["not_tried"] += window.units
        elif outcome.error:
            counts["failed"] += window.units
        elif outcome.upload_status == "success":
            counts["stored"] += window.units - outcome.units_without_rows
            counts["without_rows"] += outcome.units_without_rows
            counts["dates_without_rows"] += [_dates(*each) for each in outcome.without_rows]
        else:
            counts["empty"] += window.units
        if outcome.error:
            _add_failure(counts["failures"], window.stamp, outcome.error)
    return counts


def _dates(first: str, last: str) -> str:
    return first if first == last else f"{first}{_RANGE_SEPARATOR}{last}"


def _add_failure(failures: list[WindowFailure], stamp: str, error: str) -> None:
    """Append a failure, or extend the last one if its error is the same."""
    if failures and failures[-1]["error"] == error:
        first = failures[-1]["dates"].partition(_RANGE_SEPARATOR)[0]
        failures[-1] = WindowFailure(dates=f"{first}{_RANGE_SEPARATOR}{stamp}", error=error)
    else:
        failures.append(WindowFailure(dates=stamp, error=error))


def _upload_status(outcomes: Iterable[ApiOutcome], *, is_collected: bool) -> UploadStatus:
    statuses = {outcome.upload_status for outcome in outcomes}
    if not is_collected or statuses <= {"skipped"}:
        return "skipped"
    return "failed" if "failed" in statuses else "success"


def _error(failed: Sequence[WindowOutcome], counts: WindowCounts) -> str:
    missed = counts["failed"] + counts["not_tried"]
    first = failed[0]
    return f"{missed} of {counts['planned']} failed, the first {first.stamp}: {first.outcome.error}"


def _findings(windows: Iterable[WindowOutcome]) -> tuple[str, ...]:
    findings = [f"{window.stamp}: {finding}" for window in windows for finding in window.outcome.findings]
    omitted = len(findings) - _MAX_FINDINGS
    more = [f"and {omitted} more findings"] if omitted > 0 else []
    return (*findings[:_MAX_FINDINGS], *more)
