"""One API from its requests to its table, without storing anything."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from flows.api_config import ApiConfig
from flows.collection.incomplete_data import (
    CollectedResponse,
    EarlierColumns,
    error_in,
    header_without_rows,
    missing_values,
)
from flows.collection.response_checks import check_responses
from flows.collection.window_comparison import WindowComparison, compare_with_window
from flows.documents import DocumentError
from flows.http_collector import CollectionError, HttpCollector, Response
from flows.pagination import collect_pages
from flows.request_plan import PlannedCollection
from flows.tabulation import Finding, Layout, Part, Table, tabulate


@dataclass(frozen=True)
class CollectedTable:
    """The responses of an API, and their table.

    Attributes:
        responses: Every page of every request, as received.
        table: Their records, in one table.
        in_window: How its rows lie in the window that was asked for.
        rejection: Why the table must not be stored as data; None where it may.
    """

    responses: tuple[Response, ...] = field(repr=False)
    table: Table = field(repr=False)
    in_window: WindowComparison
    rejection: str | None = None

    @property
    def is_unpublished(self) -> bool:
        """Whether it is empty since none of the requested data is published yet."""
        return all(response.is_unpublished for response in self.responses)


def collect_table(
    collection: PlannedCollection,
    collector: HttpCollector,
    tabulating: AbstractContextManager[object] | None = None,
    earlier_columns: EarlierColumns = lambda: None,
) -> CollectedTable:
    """Collect the responses of an API, tabulate them, and compare the rows with the window of the requests.

    Args:
        collection: The requests.
        collector: Sends them.
        tabulating: Entered while the responses are tabulated, to bound how many are at once.
        earlier_columns: Called only where a response may be an error or have no rows.

    Raises:
        CollectionError: Where a request got no usable response, one that is an error and has no rows, or one
            for a window that may be incomplete.
        DocumentError: Where the responses cannot be tabulated.
    """
    try:
        collected = [
            CollectedResponse(response, request.labels)
            for request in collection.requests
            for response in collect_pages(request, collector)
        ]
    except CollectionError as error:
        # a response may repeat the request's secrets, and an error quotes the response
        raise CollectionError(collector.redact(str(error)), ends_api=error.ends_api) from None
    responses = tuple(each.response for each in collected)
    # before they are tabulated, which frees the documents
    layout = layout_of(collection.api)
    problem = error_in(collection.api, collected, layout, earlier_columns, collector.redact)
    rejection = problem.message if problem and problem.is_certain else None
    try:
        with tabulating or nullcontext():
            findings = check_responses(collection, responses)
            parts = [Part(each.response.document, each.labels) for each in collected]
            table = tabulate(parts, layout)
            in_window = compare_with_window(collection, table.frame)
    except DocumentError as error:
        if rejection:
            raise CollectionError(rejection) from None
        others = f" and {len(responses) - 1} other responses" if responses[1:] else ""
        source = f"{responses[0].source_url}{others}"
        raise DocumentError(collector.redact(error.reason), source=source) from None
    if rejection and not table.frame.height:
        raise CollectionError(rejection)
    incomplete = missing_values(collection, collected, table.rows_of_parts)
    if incomplete and incomplete.is_certain:
        rejection = rejection or incomplete.message
    header = header_without_rows(collection.api, collected, table, earlier_columns)
    more = [
        Finding("warning", each.code, each.message)
        for each in (problem, incomplete, header)
        if each and not each.is_certain
    ]
    table = replace(table, findings=(*findings, *more, *table.findings))
    return CollectedTable(responses, table, in_window, rejection)


def layout_of(api: ApiConfig) -> Layout:
    """Return the layout of an API's responses."""
    return Layout(
        format=api.format,
        records=api.records,
        explode=api.explode,
        columns_from=api.columns_from,
        rows_from=api.rows_from,
        columnar=api.columnar,
        skip_rows=api.skip_rows,
        max_bytes=int(api.max_response_mb * 1e6),
    )
