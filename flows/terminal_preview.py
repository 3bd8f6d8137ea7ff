"""A preview and the answers to a probe, for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from flows.access_probe import ProbeResult
    from flows.api_preview import ApiPreview

_MAX_CELL = 60


def print_preview(preview: ApiPreview, console: Console | None = None) -> None:
    """Print where the rows came from, each column with its first values, and what was noticed."""
    console = console or Console()
    said = [
        preview["api_name"],
        f"asked: {_shown_urls(preview['source_urls'])}",
        f"got: {preview['bytes']:,} bytes in {preview['requests']} requests",
        f"records found at: {preview['records_at']}",
        f"table: {preview['rows']:,} rows, {len(preview['columns'])} columns",
    ]
    for line in said:
        console.print(escape(line), highlight=False, soft_wrap=True)
    if preview["columns"]:
        console.print(_columns(preview))
    for finding in preview["findings"]:
        console.print(f"note: {escape(finding)}", highlight=False, soft_wrap=True)
    console.print("nothing was stored")


def print_probes(probes: Iterable[ProbeResult], console: Console | None = None) -> None:
    """Print a line for each API and for the bucket."""
    console = console or Console()
    for probe in probes:
        mark = "[green]ok[/]    " if probe["ok"] else "[red]failed[/]"
        console.print(
            f"{mark} {escape(probe['name'])}: {escape(probe['detail'])}", highlight=False, soft_wrap=True
        )


def _columns(preview: ApiPreview) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("column", overflow="fold")
    table.add_column("type", no_wrap=True)
    table.add_column("empty", justify="right", no_wrap=True)
    rows = preview["first_rows"]
    for number in range(1, len(rows) + 1):
        table.add_column(f"row {number}", overflow="ellipsis", no_wrap=True)
    for column in preview["columns"]:
        cells = [_cell(row[column["name"]]) for row in rows]
        table.add_row(escape(column["name"]), column["type"], f"{column['empty']:,}", *cells)
    return table


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return escape(text if len(text) <= _MAX_CELL else text[:_MAX_CELL] + "…")


def _shown_urls(urls: list[str]) -> str:
    more = f" and {len(urls) - 1} more" if len(urls) > 1 else ""
    return f"{urls[0]}{more}" if urls else "nothing"
