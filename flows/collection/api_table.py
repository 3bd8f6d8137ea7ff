"""One API from its requests to its table, without storing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from flows.api_config import ApiConfig
from flows.collection.response_checks import check_responses
from flows.collection.window_comparison import WindowComparison, compare_with_window
from flows.documents import DocumentError
from flows.http_collector import CollectionError, HttpCollector, Response
from flows.pagination import collect_pages
from flows.request_plan import PlannedCollection
from flows.tabulation import Layout, Part, Table, tabulate

# the name and the value of each placeholder under `values`
_Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CollectedTable:
    """The responses of an API, and their table.

    Attributes:
        responses: Every page of every request, as received.
        table: Their records, in one table.
        in_window: How its rows lie in the window that was asked for.
    """

    responses: tuple[Response, ...] = field(repr=False)
    table: Table = field(repr=False)
    in_window: WindowComparison

    @property
    def is_unpublished(self) -> bool:
        """Whether it is empty since none of the requested data is published yet."""
        return all(response.is_unpublished for response in self.responses)


def collect_table(
    collection: PlannedCollection,
    collector: HttpCollector,
    tabulating: AbstractContextManager[object] | None = None,
) -> CollectedTable:
    """Collect the responses of an API, tabulate them, and compare the rows with the window of the requests.

    Args:
        collection: The requests.
        collector: Sends them.
        tabulating: Entered while the responses are tabulated, to bound how many are at once.

    Raises:
        CollectionError: Where a request got no usable response, or only part of the data is published or
            has arrived.
        DocumentError: Where the responses cannot be tabulated.
    """
    try:
        collected = list(_collect(collection, collector))
    except CollectionError as error:
        # a response may repeat the request's secrets, and an error quotes the response
        raise CollectionError(collector.redact(str(error)), ends_api=error.ends_api) from None
    responses = tuple(response for response, _ in collected)
    _refuse_partly_published(collected)
    try:
        with tabulating or nullcontext():
            findings = check_responses(collection, responses)
            parts = [Part(each.document, labels) for each, labels in collected]
            table = tabulate(parts, layout_of(collection.api))
            in_window = compare_with_window(collection, table.frame)
            table = replace(table, findings=(*findings, *table.findings))
    except DocumentError as error:
        others = f" and {len(responses) - 1} other responses" if responses[1:] else ""
        source = f"{responses[0].source_url}{others}"
        raise DocumentError(collector.redact(error.reason), source=source) from None
    return CollectedTable(responses, table, in_window)


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


def _refuse_partly_published(collected: Sequence[tuple[Response, _Labels]]) -> None:
    """Raise an error where part of the data is missing, which would be stored as if it were complete."""
    missing = [(response, labels) for response, labels in collected if response.is_unpublished]
    if missing and len(missing) < len(collected):
        response, labels = missing[0]
        what = ", ".join(f"{name} {label}" for name, label in labels) or "a page"
        raise CollectionError(
            f"HTTP 404 from {response.source_url}: {what} is not published yet, while the rest is; "
            "nothing is stored of these dates, which the next backfill asks for again"
        )


def _collect(collection: PlannedCollection, collector: HttpCollector) -> Iterator[tuple[Response, _Labels]]:
    for request in collection.requests:
        for response in collect_pages(request, collector):
            yield response, request.labels
