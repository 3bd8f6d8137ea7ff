"""REPORT: the outcomes of an API's windows become its outcome. Pure: the numbers always add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flows.api_config import ApiConfig
from flows.run_report.date_counts import WindowCounts, WindowFailure, joined_windows
from flows.run_report.results import ApiOutcome, UploadStatus

# a year that fails is told by its first days, not in 365 lines
_SHOWN = 20
_UP_TO = ".."


@dataclass(frozen=True)
class WindowOutcome:
    """What became of one window.

    Attributes:
        stamp: Its dates, as its object is named.
        units: How many hours, days, months or years it is long.
        outcome: As of an API.
        is_tried: Whether it was asked for at all.
    """

    stamp: str
    units: int
    outcome: ApiOutcome
    is_tried: bool = True


def api_outcome(
    api: ApiConfig, windows: Sequence[WindowOutcome], already_stored: int, duration_seconds: float
) -> ApiOutcome:
    """One outcome of all windows of an API: what failed is told, what is stored is counted.

    Args:
        api: The API.
        windows: Those that were to be collected, in the order of time.
        already_stored: Units that were asked for and had been stored before.
        duration_seconds: Of the API's part of the backfill.
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
    """How many units were stored, are empty, failed, or were not tried; together they are those planned."""
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
            counts["stored"] += window.units
        else:
            counts["empty"] += window.units
        if outcome.error:
            _add_failure(counts["failures"], window.stamp, outcome.error)
    return counts


def _add_failure(failures: list[WindowFailure], stamp: str, error: str) -> None:
    """Tell a failure, and dates that follow one another and fail alike as one."""
    if failures and failures[-1]["error"] == error:
        first = failures[-1]["dates"].partition(_UP_TO)[0]
        failures[-1] = WindowFailure(dates=f"{first}{_UP_TO}{stamp}", error=error)
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
    return _first_of(
        [f"{window.stamp}: {finding}" for window in windows for finding in window.outcome.findings]
    )


def _first_of(findings: Sequence[str]) -> tuple[str, ...]:
    more = [f"and {len(findings) - _SHOWN} more findings"] if len(findings) > _SHOWN else []
    return (*findings[:_SHOWN], *more)
