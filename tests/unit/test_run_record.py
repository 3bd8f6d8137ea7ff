"""The results of the last run, saved on this machine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.run_report import ApiOutcome, RunResults, run_results
from flows.run_report.last_run import keep_results, last_results


def results_of(*outcomes: ApiOutcome) -> RunResults:
    started_at = datetime(2024, 1, 1, tzinfo=UTC)
    return run_results(outcomes, run_id="run-1", started_at=started_at, duration_seconds=1.5)


STORED = results_of(ApiOutcome("Prévision", "f", "success", "success", rows=3, findings=("a", "b")))


def test_the_last_run_is_saved_and_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert last_results(folder) is None
    keep_results(folder, results_of())
    keep_results(folder, STORED)
    assert last_results(folder) == STORED
    assert [path.name for path in folder.iterdir()] == ["last-run.json"]


def test_a_run_that_cannot_be_saved_leaves_the_previous_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep_results(tmp_path, STORED)
    # a folder has the name of the temporary file
    (tmp_path / f"last-run.json.{STORED['run_id']}").mkdir()
    keep_results(tmp_path, results_of())
    assert last_results(tmp_path) == STORED
    assert f"not saved in {tmp_path}: Is a directory" in caplog.text


def test_an_unwritable_folder_is_logged_and_raises_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    keep_results(blocked, STORED)
    assert f"not saved in {blocked}" in caplog.text
    assert last_results(blocked) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"pipeline_status": "comp',
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        json.dumps({key: value for key, value in STORED.items() if key != "summary"}).encode(),
        b"[" * 100_000,
    ],
    ids=["empty", "truncated", "not text", "null", "a list", "no key", "a key missing", "too deep"],
)
def test_a_file_without_results_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last-run.json").write_bytes(content)
    assert last_results(tmp_path) is None
