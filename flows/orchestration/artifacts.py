"""Results become Prefect artifacts and the run's final state."""

from __future__ import annotations

import re
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.run_report import ApiResult, PipelineFailedError, RunResults, done_text, windows_of_all
from flows.run_report.date_counts import windows_text

STATISTICS_KEY = "energy-pipeline-statistics"
REPORT_KEY = "energy-pipeline-report"
# of each API; all of them are in the results
_SHOWN_FAILURES = 20


def publish_artifacts(results: RunResults) -> None:
    """Publish the statistics table and the report of a run; to be called inside its flow run."""
    create_table_artifact(
        key=STATISTICS_KEY, table=statistics_table(results), description="Statistics of one run"
    )
    create_markdown_artifact(
        key=REPORT_KEY, markdown=report_markdown(results), description="Report of one run"
    )


def final_state(results: RunResults) -> State[RunResults]:
    """The state in which the flow run ends.

    Its data are the results, or a `PipelineFailedError` that carries them, since Prefect raises the data
    of a failed state for whoever calls the flow as a function.
    """
    message = headline(results)
    if results["pipeline_status"] == "failed":
        return Failed(message=message, data=PipelineFailedError(message, results))
    if results["summary"]["successful_end_to_end"] < results["statistics"]["total_apis"]:
        return Completed(name="PartiallyCompleted", message=message, data=results)
    return Completed(message=message, data=results)


def headline(results: RunResults) -> str:
    """The run in one line: what went through, and which APIs did not."""
    if results["errors"]:
        return "; ".join(results["errors"])
    failed = [result["api_name"] for result in results["results"] if result["error"]]
    return done_text(results) + (f"; failed: {', '.join(failed)}" if failed else "")


def statistics_table(results: RunResults) -> list[dict[str, Any]]:
    """One row for each statistic, as a Prefect table artifact takes them."""
    counts: dict[str, Any] = {**results["statistics"], **results["summary"]}
    rows = [{"statistic": name.replace("_", " "), "value": _shown(value)} for name, value in counts.items()]
    return [*rows, {"statistic": "duration seconds", "value": f"{results['duration_seconds']:.1f}"}]


def report_markdown(results: RunResults) -> str:
    """The report of a run: totals, rates, and a line for each API with its key or error."""
    statistics, summary = results["statistics"], results["summary"]
    windows = windows_of_all(results)
    collected = f"{statistics['successful_collections']} of {statistics['total_apis']} APIs"
    stored = f"{statistics['successful_uploads']} APIs, the uploads of {statistics['failed_uploads']} failed"
    lines = [
        f"# Energy pipeline: {results['pipeline_status']}",
        "",
        f"Run `{results['run_id']}`, started {results['started_at']}.",
        "",
        f"- collected: {collected} ({_shown(summary['collection_success_rate'])})",
        f"- stored: {stored} ({_shown(summary['upload_success_rate'])})",
        f"- without data: {statistics['skipped_uploads']}",
        f"- failed collections: {statistics['failed_collections']}",
        f"- duration: {results['duration_seconds']:.1f} s",
        *([f"- dates: {windows_text(windows)}"] if windows else []),
        "",
    ]
    lines += [f"- **{_markdown_cell(error)}**" for error in results["errors"]]
    if results["results"]:
        lines += [
            "| API | collected | stored | rows | bytes | seconds | attempts | key or error |",
            "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |",
            *(_report_row(result) for result in results["results"]),
        ]
    failures = [
        f"{result['api_name']} {failure['dates']}: {failure['error']}"
        for result in results["results"]
        if "windows" in result
        for failure in result["windows"]["failures"][:_SHOWN_FAILURES]
    ]
    if failures:
        lines += ["", "## Failed dates", *(f"- {_markdown_cell(failure)}" for failure in failures)]
    findings = [
        (result["api_name"], finding) for result in results["results"] for finding in result["findings"]
    ]
    if findings:
        lines += ["", "## Findings", *(f"- {_markdown_cell(f'{name}: {text}')}" for name, text in findings)]
    return "\n".join(lines)


def outcome_text(result: ApiResult) -> str:
    """Where one API's data is, or why it is not there."""
    if "windows" in result and not result["error"]:
        return windows_text(result["windows"])
    return result["error"] or result["s3_key"] or "no rows: nothing to store"


def _report_row(result: ApiResult) -> str:
    key = result["s3_key"]
    # | ends a cell and ` ends code, even inside code
    is_plain_key = key and not result["error"] and "windows" not in result and not set("`|") & set(key)
    cells = [
        _markdown_cell(result["api_name"]),
        result["collection_status"],
        result["upload_status"],
        str(result["rows"]),
        str(result["bytes"]),
        f"{result['duration_seconds']:.1f}",
        str(result["attempts"]),
        f"`{key}`" if is_plain_key else _markdown_cell(outcome_text(result)),
    ]
    return f"| {' | '.join(cells)} |"


def _markdown_cell(text: str) -> str:
    # an API's own words must not draw tables, links or images in the report
    return re.sub(r"([\\`*_{}\[\]<>()#!|])", r"\\\1", " ".join(text.split()))


def _shown(value: float) -> str:
    return f"{value:.0%}" if isinstance(value, float) else str(value)
