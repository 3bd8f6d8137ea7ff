"""Responses that are not all of the data: an error, some of `values` missing, no rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from flows.api_config import ApiConfig
from flows.collection.error_documents import error_document
from flows.documents import DocumentError
from flows.http_collector import Response
from flows.http_collector.errors import provider_message
from flows.request_plan import PlannedCollection
from flows.tabulation import Layout, Part, Table, tabulate

_SHOWN = 5
# the name and the value of each placeholder under `values`
_Labels = tuple[tuple[str, str], ...]
EarlierColumns = Callable[[], Collection[str] | None]
"""Returns the columns of the API's last stored object; None where there is none."""


@dataclass(frozen=True)
class CollectedResponse:
    """A response, and the values of the placeholders that it was requested with."""

    response: Response
    labels: _Labels


@dataclass(frozen=True)
class Problem:
    """A reason to doubt a table.

    Attributes:
        code: Kebab case, for the code of a finding.
        message: One line, without secrets.
        is_certain: Whether the table must not be stored as data; otherwise it is a finding.
    """

    code: str
    message: str
    is_certain: bool = False


def error_in(
    api: ApiConfig,
    collected: Sequence[CollectedResponse],
    layout: Layout,
    earlier_columns: EarlierColumns,
    redact: Callable[[str], str],
) -> Problem | None:
    """Find a response that is an error by its own words, although its status is 200.

    It is certain where the data is known: by `key_columns`, by the other responses or by the last stored
    object, none of whose columns it has.

    Args:
        api: The API; with `"error_when": []` nothing is an error.
        collected: Its responses.
        layout: Where they have their records.
        earlier_columns: Called only where a response looks like an error.
        redact: Removes secrets from the provider's words.
    """
    if not api.error_when and "error_when" in api.model_fields_set:
        return None
    suspects = [(each, error_document(each.response.document)) for each in collected]
    suspect = next(((each.response, error) for each, error in suspects if error), None)
    if suspect is None:
        return None
    response, error = suspect
    known = [_without(api.key_columns or (), api.values)]
    if not error.is_data(known[0]):
        known.append(_tabulated_columns([each for each, of_error in suspects if not of_error], layout))
        known.append(_without(earlier_columns() or (), api.values))
    if any(map(error.is_data, known)):
        return None
    words = provider_message(redact(error.message))
    if any(known):
        return Problem(
            "error-document",
            f'{response.source_url} returned an error: {words} (if that is data, set "error_when": [])',
            is_certain=True,
        )
    return Problem(
        "error-document",
        f'{response.source_url} returned what looks like an error: {words}; set "key_columns" so that '
        'errors fail, or "error_when": [] if that is data',
    )


def missing_values(
    collection: PlannedCollection, collected: Sequence[CollectedResponse], rows: Sequence[int]
) -> Problem | None:
    """Find the values that have no rows, or the page that is not published, while the rest has rows.

    Args:
        collection: What was requested.
        collected: The responses.
        rows: How many rows each of them has.
    """
    if not any(rows):
        return None
    rows_of: dict[_Labels, int] = {}
    for each, count in zip(collected, rows, strict=True):
        rows_of[each.labels] = rows_of.get(each.labels, 0) + count
    empty = [each for each in collected if not rows_of[each.labels]]
    pages = [each for each in collected if each.response.is_unpublished and rows_of[each.labels]]
    if not (empty or pages):
        return None
    first = (empty or pages)[0]
    missing = list(dict.fromkeys(_listed(each.labels) for each in empty)) or ["a page"]
    shown = "; ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if missing[_SHOWN:] else "")
    if first.response.is_unpublished:
        message = (
            f"HTTP 404 from {first.response.source_url}: {shown} is not published yet, while the rest is"
        )
    else:
        message = f"{shown} has no rows, while the rest has: {first.response.source_url}"
    may_be_missing = collection.api.values_may_be_empty and not pages
    is_certain = collection.window is not None and not may_be_missing
    return Problem("values-missing", message, is_certain=is_certain)


def header_without_rows(
    api: ApiConfig,
    collected: Sequence[CollectedResponse],
    table: Table,
    earlier_columns: EarlierColumns,
) -> Problem | None:
    """Find a CSV of a header alone, where the last stored object has rows."""
    if api.format != "csv" or table.frame.height:
        return None
    filled = [each.response for each in collected if each.response.body.strip()]
    if not filled or earlier_columns() is None:
        return None
    return Problem(
        "header-without-rows",
        f"{filled[0].source_url} returned a header without rows, where the last object has rows",
    )


def _tabulated_columns(others: Sequence[CollectedResponse], layout: Layout) -> list[str]:
    try:
        return tabulate([Part(each.response.document) for each in others], layout).frame.columns
    except DocumentError:
        return []


def _without(columns: Collection[str], values: Collection[str]) -> list[str]:
    """Columns without those that name the placeholders, which are not in the responses."""
    return [name for name in columns if name not in values]


def _listed(labels: _Labels) -> str:
    return ", ".join(f"{name} {label}" for name, label in labels) or "a page"
