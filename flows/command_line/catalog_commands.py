"""The commands that find, add and preview an API: `catalog`, `add` and `preview`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.command_line.options import (
    EXIT_FAILED,
    EXIT_WRONG_USAGE,
    ConfigOption,
    JsonOption,
    exit_on_wrong_configuration,
    pipeline_for,
    prepare_prefect,
    print_errors,
    print_json,
    program_name,
)

if TYPE_CHECKING:
    from flows.catalog import Endpoint

EXIT_NOTHING_FOUND = 1
# columns are listed only for so few matches
_MAX_MATCHES_WITH_COLUMNS = 5


def catalog(
    words: Annotated[list[str] | None, typer.Argument(help="Words to search for.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document only.")] = False,
) -> None:
    """List the datasets of ISO New England; with words, those that contain all of them."""
    from flows.catalog import search

    found = search(words or [])
    if as_json:
        typer.echo(json.dumps([_as_document(endpoint) for endpoint in found], indent=2))
    else:
        width = max((len(endpoint.path) for endpoint in found), default=0)
        for endpoint in found:
            typer.echo(f"{endpoint.path:{width}}  {_summary(endpoint)}".rstrip())
            if len(found) <= _MAX_MATCHES_WITH_COLUMNS and endpoint.columns:
                typer.echo("  columns: " + ", ".join(endpoint.columns))
        if found:
            typer.echo(f"{len(found)} endpoints; `energy-pipeline add PATH` adds one to the configuration")
    if not found:
        typer.echo(f"no dataset matches {' and '.join(map(repr, words or []))}; try fewer words", err=True)
        raise typer.Exit(EXIT_NOTHING_FOUND)


def add(
    path_or_url: Annotated[str, typer.Argument(help="A path from the catalog, or the URL of any API.")],
    name: Annotated[str | None, typer.Option("--name", help="Name of the API.")] = None,
    folder: Annotated[str | None, typer.Option("--folder", help="Output folder in the bucket.")] = None,
    prefix: Annotated[str | None, typer.Option("--prefix", help="Prefix of its objects' names.")] = None,
    value: Annotated[
        list[str] | None,
        typer.Option("--value", help="Values of a parameter of the path, NAME=A,B; may be repeated."),
    ] = None,
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the entry without writing it.")] = False,
) -> None:
    """Add an API to the configuration: print its entry, and write it if the whole file is valid with it."""
    from flows.api_config import ConfigError, Settings
    from flows.catalog import (
        ProposalError,
        append_entry,
        check_entry,
        fitted_entry,
        propose_entry,
        same_request,
    )

    chosen = {"name": name, "output_folder": folder, "csv_prefix": prefix}
    given = {key: text for key, text in chosen.items() if text is not None}
    try:
        file = config or Settings().config_file
        proposal = propose_entry(path_or_url, _values(value or []))
        entry = fitted_entry(file, {**proposal.entry, **given}, given)
        same = same_request(file, entry)
        there = (f'"{same}" in this file sends the same request',) if same else ()
        typer.echo(json.dumps(entry, indent=2, ensure_ascii=False))
        for note in (*proposal.notes, *there):
            typer.echo(f"note: {note}", err=True)
        if dry_run:
            check_entry(file, entry)
        else:
            written = append_entry(file, entry)
    except ProposalError as error:
        print_errors([error])
        raise typer.Exit(EXIT_WRONG_USAGE) from None
    except ConfigError as error:
        print_errors(error.problems)
        typer.echo("the file was not changed", err=True)
        raise typer.Exit(EXIT_WRONG_USAGE) from None
    if dry_run:
        typer.echo(f"valid; {file} was not changed", err=True)
        return
    if written != file:
        typer.echo(
            f"{written} is a copy of the shipped configuration and is used in this folder now", err=True
        )
    typer.echo(f'added to {written}; preview it with: {program_name()} preview "{entry["name"]}"', err=True)


def _values(options: list[str]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for option in options:
        name, equals, listed = option.partition("=")
        if not equals or not listed:
            raise typer.BadParameter(f"'{option}' is not NAME=VALUE,VALUE…", param_hint="--value")
        values.setdefault(name.strip(), []).extend(item.strip() for item in listed.split(",") if item.strip())
    return values


def _summary(endpoint: Endpoint) -> str:
    if endpoint.summary:
        return endpoint.summary
    words = [endpoint.root, *endpoint.qualifiers, *(f"by {name}" for name in endpoint.parameters)]
    return " ".join(words)


def _as_document(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "path": endpoint.path,
        "summary": _summary(endpoint),
        "parameters": list(endpoint.parameters),
        "columns": list(endpoint.columns),
    }


def preview(
    name: Annotated[str, typer.Argument(help="Name or folder of the API.")],
    config: ConfigOption = None,
    rows: Annotated[int, typer.Option("--rows", min=0, max=100, help="Number of rows to show.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Collect one API and show its columns, types and first rows, without storing anything."""
    from flows.command_line.preview_output import print_preview
    from flows.documents import DocumentError
    from flows.http_collector import CollectionError

    prepare_prefect()
    try:
        with exit_on_wrong_configuration():
            found = pipeline_for(config).preview_api(name, rows)
    except (CollectionError, DocumentError) as error:
        print_errors([error])
        raise typer.Exit(EXIT_FAILED) from None
    if as_json:
        print_json(found)
    else:
        print_preview(found)
