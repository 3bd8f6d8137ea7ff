"""How far a backfill is, for people at a terminal and for logs."""

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


def test_a_terminal_has_a_bar_with_dates_rows_and_speed() -> None:
    output = shown(progress(2, seconds=1.0), is_terminal=True)
    assert "2/4" in output
    assert "2,000 rows, 2.0 MB/s, 1 failed" in output


def test_elsewhere_there_is_a_line_now_and_then_and_one_at_the_end() -> None:
    several = (progress(1, 1.0), progress(2, 31.0), progress(3, 32.0), progress(4, 33.0))
    assert shown(*several, is_terminal=False).splitlines() == [
        "collected 2 of 4: 2,000 rows, 0.1 MB/s, 1 failed, 31 s left",
        "collected 4 of 4: 4,000 rows, 0.1 MB/s, 1 failed",
    ]


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), SystemExit(143)], ids=repr)
def test_where_it_is_interrupted_it_says_how_to_go_on(interruption: BaseException, is_terminal: bool) -> None:
    output = io.StringIO()
    with (
        pytest.raises(type(interruption)),
        progress_bar(Console(file=output, force_terminal=is_terminal, width=120)),
    ):
        raise interruption
    assert "the same command goes on with what is missing" in output.getvalue()


def test_a_fault_is_no_interruption() -> None:
    output = io.StringIO()
    with pytest.raises(ValueError, match="ours"), progress_bar(Console(file=output)):
        raise ValueError("ours")
    assert output.getvalue() == ""
