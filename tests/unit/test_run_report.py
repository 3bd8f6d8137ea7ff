"""Results, their statistics, and how reports and the terminal show them."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from flows.command_line.results_output import print_results
from flows.orchestration.artifacts import final_state, report_markdown, statistics_table
from flows.run_report import ApiOutcome, RunResults, run_results, summary_text, verdict
from flows.run_report.backfill_results import WindowOutcome, window_counts
from flows.run_report.date_counts import joined_windows, windows_text

collected = st.builds(
    ApiOutcome,
    api_name=st.text(min_size=1),
    output_folder=st.text(),
    collection_status=st.just("success"),
    upload_status=st.sampled_from(["success", "failed", "skipped"]),
    s3_key=st.none() | st.text(st.characters(exclude_categories=["Cc"]), min_size=1),
    rows=st.integers(0, 10**9),
    findings=st.tuples(st.text()),
)
not_collected = st.builds(
    ApiOutcome,
    api_name=st.text(min_size=1),
    output_folder=st.text(),
    collection_status=st.just("failed"),
    upload_status=st.just("skipped"),
    error=st.text(min_size=1),
)
outcomes = st.lists(collected | not_collected, max_size=12)


def results_of(*given_outcomes: ApiOutcome, errors: tuple[str, ...] = ()) -> RunResults:
    started_at = datetime(2024, 1, 1, tzinfo=UTC)
    return run_results(
        given_outcomes, run_id="run-1", started_at=started_at, duration_seconds=1.5, errors=errors
    )


@given(outcomes)
def test_the_statistics_add_up(given_outcomes: list[ApiOutcome]) -> None:
    results = results_of(*given_outcomes)
    counts, summary = results["statistics"], results["summary"]
    uploads = counts["successful_uploads"] + counts["failed_uploads"]
    assert counts["total_apis"] == len(given_outcomes) == len(results["results"])
    assert counts["total_apis"] == counts["successful_collections"] + counts["failed_collections"]
    assert counts["successful_collections"] == uploads + counts["skipped_uploads"]
    assert summary["successful_end_to_end"] == counts["successful_uploads"] + counts["skipped_uploads"]
    assert summary["collection_success_rate"] * counts["total_apis"] == pytest.approx(
        counts["successful_collections"]
    )
    assert summary["upload_success_rate"] * uploads == pytest.approx(counts["successful_uploads"])
    assert 0 <= summary["upload_success_rate"] <= 1
    assert (results["pipeline_status"] == "failed") == (summary["successful_end_to_end"] == 0)
    assert (verdict(given_outcomes) == "completed") == (
        summary["successful_end_to_end"] == counts["total_apis"] > 0
    )
    assert json.loads(json.dumps(results)) == results


@given(outcomes)
def test_the_final_state_follows_the_outcomes(given_outcomes: list[ApiOutcome]) -> None:
    state = final_state(results_of(*given_outcomes))
    expected = {
        "completed": ("COMPLETED", "Completed"),
        "partially-completed": ("COMPLETED", "PartiallyCompleted"),
        "failed": ("FAILED", "Failed"),
    }
    assert (state.type.value, state.name) == expected[verdict(given_outcomes)]


@given(outcomes)
def test_the_report_has_one_table_line_for_each_api(given_outcomes: list[ApiOutcome]) -> None:
    lines = report_markdown(results_of(*given_outcomes)).split("\n")
    table = [line for line in lines if line.startswith("| ")]
    assert len(table) == (len(given_outcomes) + 2 if given_outcomes else 0)
    # no text of an API adds a cell: eight cells have nine unescaped pipes
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 9 for line in table)


def test_text_from_an_api_is_not_rendered_in_the_report() -> None:
    hostile = ApiOutcome(
        "a|b", "f", "failed", "skipped", error="![x](http://evil) <script>\n| row | \\| `code`"
    )
    report = report_markdown(results_of(hostile))
    assert "![x]" not in report
    assert "<script>" not in report
    assert r"a\|b" in report
    assert len([line for line in report.split("\n") if line.startswith("| ")]) == 3


def test_without_attempts_rates_are_zero_and_the_report_says_why() -> None:
    results = results_of(errors=("the configuration is wrong",))
    assert results["summary"] == {
        "collection_success_rate": 0.0,
        "upload_success_rate": 0.0,
        "successful_end_to_end": 0,
    }
    assert final_state(results).message == "the configuration is wrong"
    assert "the configuration is wrong" in report_markdown(results)
    assert {"statistic": "total apis", "value": "0"} in statistics_table(results)


def test_the_results_have_the_documented_keys() -> None:
    results = results_of(ApiOutcome("a", "f", "success", "success"))
    assert list(results) == [
        "pipeline_status",
        "run_id",
        "started_at",
        "duration_seconds",
        "statistics",
        "summary",
        "results",
        "errors",
    ]
    assert list(results["statistics"]) == [
        "total_apis",
        "successful_collections",
        "successful_uploads",
        "failed_collections",
        "failed_uploads",
        "skipped_uploads",
    ]
    assert results["started_at"] == "2024-01-01T00:00:00+00:00"
    (result,) = results["results"]
    assert list(result) == [
        "api_name",
        "output_folder",
        "collection_status",
        "upload_status",
        "s3_key",
        "s3_uri",
        "rows",
        "columns",
        "bytes",
        "attempts",
        "duration_seconds",
        "error",
        "spooled_to",
        "findings",
        "other_s3_keys",
    ]


# names and errors have no control characters, by the validation of the configuration and the collector;
# rich reads a backslash before a bracket as an escape
printable = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\\"), min_size=1)


@given(name=printable, error=printable)
@settings(deadline=None)
def test_the_terminal_prints_names_and_errors_unchanged(name: str, error: str) -> None:
    output = io.StringIO()
    failed = ApiOutcome(name, "f", "failed", "skipped", error=error)
    stored = ApiOutcome(name, "f", "success", "success", s3_uri="s3://bucket/f/p_[1].csv")
    print_results(results_of(failed, stored), Console(file=output, width=60))
    lines = output.getvalue().splitlines()
    assert f"{name}: {error}" in lines
    assert f"{name}: s3://bucket/f/p_[1].csv" in lines
    assert "completed: 1 of 2 APIs stored or empty in 1.5 s; collected 50%, uploaded 100%" in lines


def test_dates_without_rows_are_counted_beside_the_stored_ones() -> None:
    partly = ApiOutcome(
        "a",
        "f",
        "success",
        "success",
        without_rows=(("20240101", "20240123"), ("20240130",) * 2),
        units_without_rows=24,
    )
    counts = window_counts([WindowOutcome("20240101", 31, partly)], 2)
    assert (counts["planned"], counts["stored"], counts["without_rows"]) == (33, 7, 24)
    assert counts["dates_without_rows"] == ["20240101..20240123", "20240130"]
    assert windows_text(joined_windows([counts, counts])) == (
        "14 of 66 stored, 4 of 66 already stored, 48 of 66 without rows"
    )


def test_the_summary_adds_up_the_dates_of_all_apis() -> None:
    def collected(api: str, **counts: int) -> ApiOutcome:
        windows = joined_windows([])
        for name, count in {**counts, "planned": sum(counts.values())}.items():
            windows[name] += count  # type: ignore[literal-required]
        error = "1 of 3 failed" if windows["failed"] else None
        return ApiOutcome(api, "f", "failed" if error else "success", "skipped", error=error, windows=windows)

    results = results_of(collected("a", stored=2, failed=1), collected("b", already_stored=3))
    assert summary_text(results) == (
        "1 of 2 APIs stored or empty; dates: 2 of 6 stored, 3 of 6 already stored, 1 of 6 failed"
    )
    assert (
        summary_text(results_of(ApiOutcome("a", "f", "success", "success"))) == "1 of 1 APIs stored or empty"
    )
