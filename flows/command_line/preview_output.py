"""Prints previews and probe results at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from flows.inspection.preview import ApiPreview
    from flows.inspection.probe import ProbeResult

_MAX_CELL_CHARACTERS = 40


def print_preview(preview: ApiPreview, console: Console | None = None) -> None:
    """Print the requests, where the records were found, each column with its first values, and findings."""
    console = console or Console()
    lines = [
        preview["api_name"],
        f"requested: {_urls_text(preview['source_urls'])}",
        f"received: {preview['bytes']:,} bytes; requests: {preview['requests']}",
        f"records found at: {preview['records_at']}",
        f"table: {preview['rows']:,} rows, {len(preview['columns'])} columns",
    ]
    for line in lines:
        console.print(escape(line), highlight=False, soft_wrap=True)
    if preview["columns"]:
        console.print()
        for line in _column_lines(preview):
            console.print(escape(line), highlight=False, no_wrap=True, overflow="ellipsis")
        console.print()
    for finding in preview["findings"]:
        console.print(f"finding: {escape(finding)}", highlight=False, soft_wrap=True)
    console.print("nothing was stored")


def print_probes(probes: Iterable[ProbeResult], console: Console | None = None) -> None:
    """Print one line for each API, the bucket and the spool."""
    console = console or Console()
    for probe in probes:
        mark = "[green]ok[/]    " if probe["ok"] else "[red]failed[/]"
        console.print(
            f"{mark} {escape(probe['name'])}: {escape(probe['detail'])}", highlight=False, soft_wrap=True
        )


def _column_lines(preview: ApiPreview) -> Iterator[str]:
    """One line for each column. Column names are never truncated, since users copy them."""
    width = max(len(column["name"]) for column in preview["columns"])
    heading = f"first {len(preview['first_rows'])} rows"
    yield f"{'column':{width}}  {'type':7}  {'empty':>7}  {heading}"
    for column in preview["columns"]:
        cells = " | ".join(_cell(row[column["name"]]) for row in preview["first_rows"])
        yield f"{column['name']:{width}}  {column['type']:7}  {column['empty']:>7,}  {cells}".rstrip()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _MAX_CELL_CHARACTERS else text[:_MAX_CELL_CHARACTERS] + "…"


def _urls_text(urls: list[str]) -> str:
    more = f" and {len(urls) - 1} more" if len(urls) > 1 else ""
    return f"{urls[0]}{more}" if urls else "nothing"
