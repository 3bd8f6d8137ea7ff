"""The progress of a backfill, as a bar at a terminal and as lines elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flows.command_line.progress_output import progress_bar
from flows.run_report.progress import Progress


def shown(*several: Progress, is_terminal: bool) -> str:
    output = io.StringIO()
    with progress_bar(Console(file=output, force_terminal=is_terminal, width=120)) as show:
        for progress in several:
            show(progress)
    return output.getvalue()


def progress(done: int, seconds: float) -> Progress:
    return Progress(planned=4, done=done, failed=1, rows=1000 * done, bytes=10**6 * done, seconds=seconds)


def test_a_terminal_shows_a_bar_with_units_rows_and_speed() -> None:
    output = shown(progress(2, seconds=1.0), is_terminal=True)
    assert "2/4" in output
    assert "2,000 rows, 2.0 MB/s, 1 failed" in output


def test_without_a_terminal_a_line_is_printed_every_30_seconds_and_at_the_end() -> None:
    several = (progress(1, 1.0), progress(2, 31.0), progress(3, 32.0), progress(4, 33.0))
    assert shown(*several, is_terminal=False).splitlines() == [
        "collected 2 of 4: 2,000 rows, 0.1 MB/s, 1 failed, 31 s left",
        "collected 4 of 4: 4,000 rows, 0.1 MB/s, 1 failed",
    ]


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), SystemExit(143)], ids=repr)
def test_an_interruption_prints_how_to_resume(interruption: BaseException, is_terminal: bool) -> None:
    output = io.StringIO()
    with (
        pytest.raises(type(interruption)),
        progress_bar(Console(file=output, force_terminal=is_terminal, width=120)),
    ):
        raise interruption
    assert "run the same command again to collect what is missing" in output.getvalue()


def test_an_error_prints_no_hint() -> None:
    output = io.StringIO()
    with pytest.raises(ValueError, match="bug"), progress_bar(Console(file=output)):
        raise ValueError("bug")
    assert output.getvalue() == ""
