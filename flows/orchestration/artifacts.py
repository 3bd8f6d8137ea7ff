"""Publishes the results of a run as Prefect artifacts, and derives the flow run's final state."""

from __future__ import annotations

import re
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.run_report import ApiResult, PipelineFailedError, RunResults, summary_text, windows_of_all
from flows.run_report.date_counts import windows_text

STATISTICS_KEY = "energy-pipeline-statistics"
REPORT_KEY = "energy-pipeline-report"
# per API; the results hold all of them
_MAX_FAILURES_SHOWN = 20


def publish_artifacts(results: RunResults) -> None:
    """Publish the statistics table and the report of a run. Must be called inside its flow run."""
    create_table_artifact(
        key=STATISTICS_KEY, table=statistics_table(results), description="Statistics of one run"
    )
    create_markdown_artifact(
        key=REPORT_KEY, markdown=report_markdown(results), description="Report of one run"
    )


def final_state(results: RunResults) -> State[RunResults]:
    """The final state of the flow run, with the results as its data.

    The data of a failed state is a `PipelineFailedError` with the results: Prefect raises it for a caller of
    the flow.
    """
    message = headline(results)
    if results["pipeline_status"] == "failed":
        return Failed(message=message, data=PipelineFailedError(message, results))
    if results["summary"]["successful_end_to_end"] < results["statistics"]["total_apis"]:
        return Completed(name="PartiallyCompleted", message=message, data=results)
    return Completed(message=message, data=results)


def headline(results: RunResults) -> str:
    """The run in one line: the summary and the names of failed APIs, or why the run could not start."""
    if results["errors"]:
        return "; ".join(results["errors"])
    failed = [result["api_name"] for result in results["results"] if result["error"]]
    return summary_text(results) + (f"; failed: {', '.join(failed)}" if failed else "")


def statistics_table(results: RunResults) -> list[dict[str, Any]]:
    """One row for each statistic, in the form of a Prefect table artifact."""
    counts: dict[str, Any] = {**results["statistics"], **results["summary"]}
    rows = [
        {"statistic": name.replace("_", " "), "value": _format_value(value)} for name, value in counts.items()
    ]
    return [*rows, {"statistic": "duration seconds", "value": f"{results['duration_seconds']:.1f}"}]


def report_markdown(results: RunResults) -> str:
    """The report of a run: totals and rates, a table of the APIs, failed dates and findings."""
    statistics, summary = results["statistics"], results["summary"]
    windows = windows_of_all(results)
    collected = f"{statistics['successful_collections']} of {statistics['total_apis']} APIs"
    stored = f"{statistics['successful_uploads']} APIs, the uploads of {statistics['failed_uploads']} failed"
    lines = [
        f"# Energy pipeline: {results['pipeline_status']}",
        "",
        f"Run `{results['run_id']}`, started {results['started_at']}.",
        "",
        f"- collected: {collected} ({_format_value(summary['collection_success_rate'])})",
        f"- stored: {stored} ({_format_value(summary['upload_success_rate'])})",
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
        for failure in result["windows"]["failures"][:_MAX_FAILURES_SHOWN]
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
    """The key of an API's object, its counts of past dates, or its error."""
    if "windows" in result and not result["error"]:
        return windows_text(result["windows"])
    return result["error"] or result["s3_key"] or "no rows: nothing to store"


def _report_row(result: ApiResult) -> str:
    key = result["s3_key"]
    # | ends a cell and ` ends a code span, even inside one
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
    # text from an API must not be rendered as a table, link or image
    return re.sub(r"([\\`*_{}\[\]<>()#!|])", r"\\\1", " ".join(text.split()))


def _format_value(value: float) -> str:
    return f"{value:.0%}" if isinstance(value, float) else str(value)
