"""Displays the progress of a backfill at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from flows.run_report.progress import Progress, ShowProgress

# where stderr is not a terminal
_LINE_INTERVAL_SECONDS = 30.0
_RESUME_HINT = "run the same command again to collect what is missing; stored objects stay"


@contextmanager
def progress_bar(console: Console | None = None) -> Iterator[ShowProgress]:
    """Show finished units, rows, MB/s and the time left on stderr, as a bar or, without a terminal, in lines.

    If the run is interrupted, print how to resume it.
    """
    console = console or Console(stderr=True)
    try:
        with _bar_on(console) if console.is_terminal else nullcontext(_lines_on(console)) as show:
            yield show
    except Exception:
        raise
    except BaseException:
        console.print(_RESUME_HINT, highlight=False, soft_wrap=True)
        raise


@contextmanager
def _bar_on(console: Console) -> Iterator[ShowProgress]:
    columns = (
        TextColumn("collected"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[amount]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, amount="")
        yield lambda progress: bar.update(
            task, total=progress.planned, completed=progress.done, amount=_amount(progress)
        )


def _lines_on(console: Console) -> ShowProgress:
    next_at = _LINE_INTERVAL_SECONDS

    def show(progress: Progress) -> None:
        nonlocal next_at
        if progress.seconds >= next_at or progress.done == progress.planned:
            next_at = progress.seconds + _LINE_INTERVAL_SECONDS
            left = f", {progress.seconds_left:.0f} s left" if progress.seconds_left else ""
            console.print(
                f"collected {progress.done} of {progress.planned}: {_amount(progress)}{left}",
                highlight=False,
                soft_wrap=True,
            )

    return show


def _amount(progress: Progress) -> str:
    speed = progress.bytes / 1e6 / progress.seconds if progress.seconds else 0.0
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"{progress.rows:,} rows, {speed:.1f} MB/s{failed}"
