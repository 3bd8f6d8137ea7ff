"""Collects and tabulates one API without storing anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from flows.api_config import ConfigError, Problem, environment, load_config, resolve_secrets, select_apis
from flows.collection.api_table import collect_table
from flows.documents import MAX_MESSAGE, shortened
from flows.http_collector import HttpCollector
from flows.request_plan import plan_collections

if TYPE_CHECKING:
    from pydantic import SecretStr


class PreviewColumn(TypedDict):
    """A column: its polars type (`Int64`, `Float64`, `Boolean`, `String`) and its number of empty values."""

    name: str
    type: str
    empty: int


class ApiPreview(TypedDict):
    """The table of one API, and how it was collected.

    `bytes` is the size of the responses, `records_at` the PATH of the records, `first_rows` the first rows by
    column name.
    """

    api_name: str
    source_urls: list[str]
    requests: int
    bytes: int
    records_at: str
    rows: int
    columns: list[PreviewColumn]
    first_rows: list[dict[str, Any]]
    findings: list[str]


def preview_api(config_file: Path, name: str, first_rows: int = 5) -> ApiPreview:
    """Collect one API as a run does, and describe its table.

    Args:
        config_file: Configuration file.
        name: Name or output folder of the API.
        first_rows: Number of rows to return.

    Raises:
        ConfigError: There is no single such API, or its secrets are missing.
        CollectionError: The API gave no usable response.
        DocumentError: The response could not be tabulated.
    """
    config = load_config(config_file)
    chosen = select_apis(config.apis, [name])
    if len(chosen) > 1:
        raise ConfigError([Problem("apis", "", f"'{name}' is the folder of {len(chosen)} APIs: name one")])
    secrets = resolve_secrets(config, chosen, environment(), load_stored_credentials)
    now = datetime.now(UTC)
    (collection,) = plan_collections(chosen, now.strftime("%Y%m%d_%H%M%S"), now)
    with HttpCollector(chosen, secrets) as collector:
        collected = collect_table(collection, collector)
        requests = collector.attempts(collection)
        messages = [finding.message for finding in collected.table.findings]
        if collected.rejection:
            messages.insert(0, collected.rejection)
        findings = [shortened(collector.redact(message), MAX_MESSAGE) for message in messages]
    typed = collected.table.typed()
    return ApiPreview(
        api_name=chosen[0].name,
        source_urls=[response.source_url for response in collected.responses],
        requests=requests,
        bytes=sum(len(response.body) for response in collected.responses),
        records_at=collected.table.records_at,
        rows=typed.height,
        columns=[
            PreviewColumn(name=series.name, type=str(series.dtype), empty=series.null_count())
            for series in typed
        ],
        first_rows=collected.table.frame.head(first_rows).to_dicts(),
        findings=findings,
    )


def load_stored_credentials(document: str) -> Mapping[str, SecretStr]:
    """The secrets of a saved Prefect block; imports Prefect, which only configurations with blocks need.

    Raises:
        LookupError: There is no such block.
    """
    from flows.orchestration.run_resources import load_credentials

    return load_credentials(document)
