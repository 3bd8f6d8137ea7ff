"""Prints results and status at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.run_report import ApiResult, RunResults, summary_text
from flows.run_report.date_counts import windows_text

if TYPE_CHECKING:
    from flows.inspection.status import ApiStatus, PipelineStatus

_MAX_FAILURES_SHOWN = 10
_STATUS_STYLES = {"success": "green", "failed": "red", "skipped": "yellow"}


@contextmanager
def show_activity(activity: str) -> Iterator[None]:
    """Show on stderr what the command is doing while this context lasts."""
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(f"{activity} …"):
            yield
    else:
        console.print(f"{activity} …", highlight=False)
        yield


def print_results(results: RunResults, console: Console | None = None) -> None:
    """Print a table of the APIs of a run, their objects or errors, and the statistics."""
    console = console or Console()
    if not results["results"]:
        return
    table = Table(
        title=f"Run {results['run_id']}",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("API")
    for heading in ("collected", "stored"):
        table.add_column(heading, no_wrap=True)
    for heading in ("rows", "bytes", "attempts", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results["results"]:
        table.add_row(*_result_cells(result))
    console.print(table)
    for result in results["results"]:
        _print_outcome(result, console)
    summary = results["summary"]
    statistics = results["statistics"]
    has_uploads = statistics["successful_uploads"] + statistics["failed_uploads"] > 0
    uploaded = f"uploaded {summary['upload_success_rate']:.0%}" if has_uploads else "nothing to upload"
    console.print(
        f"{results['pipeline_status']}: {summary_text(results)} in {results['duration_seconds']:.1f} s; "
        f"collected {summary['collection_success_rate']:.0%}, {uploaded}",
        highlight=False,
        soft_wrap=True,
    )


def print_status(status: PipelineStatus, console: Console | None = None) -> None:
    """Print the last run and the newest object of each API."""
    console = console or Console()
    last_run = status["last_run"]
    if last_run:
        done, total = last_run["summary"]["successful_end_to_end"], last_run["statistics"]["total_apis"]
        what = "; ".join(last_run["errors"]) or f"{done} of {total} APIs"
        console.print(
            f"last run on this machine: {last_run['started_at']}, "
            f"{last_run['pipeline_status']}, {escape(what)}",
            highlight=False,
            soft_wrap=True,
        )
    else:
        console.print("last run on this machine: none recorded")
    for api in status["apis"]:
        name = escape(api["api_name"]) + ("" if api["enabled"] else " (disabled)")
        console.print(f"{name}: {escape(_newest_object(api))}", highlight=False, soft_wrap=True)
    spool = status["spool"]
    if spool["unreadable"]:
        console.print(
            f"[red]damaged spool entries[/]: {spool['unreadable']}; `energy-pipeline drain` names them",
            highlight=False,
            soft_wrap=True,
        )
    if spool["objects"]:
        console.print(
            f"[yellow]waiting in the spool[/]: {spool['objects']} objects, {spool['bytes']:,} bytes, since "
            f"{spool['oldest']}; `energy-pipeline drain` uploads them",
            highlight=False,
            soft_wrap=True,
        )


def _newest_object(api: ApiStatus) -> str:
    if api["error"] or api["age_seconds"] is None:
        return api["error"] or "nothing stored yet"
    return f"{api['last_key']}, {api['bytes']:,} bytes, {_age_text(api['age_seconds'])} old"


def _result_cells(result: ApiResult) -> list[str]:
    collected, stored = result["collection_status"], result["upload_status"]
    return [
        escape(result["api_name"]),
        f"[{_STATUS_STYLES[collected]}]{collected}[/]",
        f"[{_STATUS_STYLES[stored]}]{stored}[/]",
        f"{result['rows']:,}",
        f"{result['bytes']:,}",
        str(result["attempts"]),
        f"{result['duration_seconds']:.1f}",
    ]


def _print_outcome(result: ApiResult, console: Console) -> None:
    # on lines of their own and never wrapped, so that keys and errors can be copied
    if result["error"]:
        line = f"[red]{escape(result['api_name'])}[/]: {escape(result['error'])}"
    else:
        where = result["s3_uri"] or "no rows, so nothing to store"
        if "windows" in result:
            last = f", the last {where}" if result["s3_uri"] else ""
            where = windows_text(result["windows"]) + last
        line = f"{escape(result['api_name'])}: {escape(where)}"
    console.print(line, highlight=False, soft_wrap=True)
    failures = result["windows"]["failures"] if "windows" in result else []
    for failure in failures[:_MAX_FAILURES_SHOWN]:
        text = f"{failure['dates']}: {failure['error']}"
        console.print(f"  [red]failed[/]: {escape(text)}", highlight=False, soft_wrap=True)
    if failures[_MAX_FAILURES_SHOWN:]:
        console.print(f"  … and {len(failures) - _MAX_FAILURES_SHOWN} more", highlight=False)
    for finding in result["findings"]:
        console.print(f"  [yellow]finding[/]: {escape(finding)}", highlight=False, soft_wrap=True)


def _age_text(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
