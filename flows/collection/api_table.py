"""One API from its requests to its table, without Prefect and without storing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from flows.api_config import ApiConfig
from flows.documents import DocumentError
from flows.http_collector import CollectionError, HttpCollector, Response
from flows.pagination import collect_pages
from flows.request_plan import PlannedCollection
from flows.tabulation import Layout, Part, Table, tabulate

# what stands for each name under `values`
_Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CollectedTable:
    """What an API's replies amount to.

    Attributes:
        payloads: Every page of every request, as it came.
        table: Their records, in one table.
    """

    payloads: tuple[Response, ...] = field(repr=False)
    table: Table = field(repr=False)

    @property
    def is_unpublished(self) -> bool:
        """Whether it is empty since all that was asked for is still to come."""
        return all(payload.is_unpublished for payload in self.payloads)


def collect_table(
    collection: PlannedCollection,
    collector: HttpCollector,
    tabulating: AbstractContextManager[object] | None = None,
) -> CollectedTable:
    """Collect an API's replies and make them one table.

    Args:
        collection: What to ask for.
        collector: Asks.
        tabulating: Entered while the replies are tabulated, to bound how many are at once.

    Raises:
        CollectionError: Where a request got no usable reply, or only some of the data is published yet.
        DocumentError: Where the replies are no table.
    """
    try:
        collected = list(_collect(collection, collector))
    except CollectionError as error:
        # a reply may repeat what it was asked with, and an error what the reply says
        raise CollectionError(collector.redact(str(error)), ends_api=error.ends_api) from None
    payloads = tuple(payload for payload, _ in collected)
    _refuse_what_is_partly_published(collected)
    try:
        with tabulating or nullcontext():
            parts = [Part(each.document, labels) for each, labels in collected]
            table = tabulate(parts, layout_of(collection.api))
    except DocumentError as error:
        where = payloads[0].source_url + (f" and its {len(payloads) - 1} other pages" if payloads[1:] else "")
        said = collector.redact(str(error))
        raise DocumentError(f"{where} answered something else than a table: {said}") from None
    return CollectedTable(payloads, table)


def layout_of(api: ApiConfig) -> Layout:
    """Where the records of an API's replies stand."""
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


def _refuse_what_is_partly_published(collected: Sequence[tuple[Response, _Labels]]) -> None:
    """A table without what is still to come would be stored as if it were all."""
    missing = [(payload, labels) for payload, labels in collected if payload.is_unpublished]
    if missing and len(missing) < len(collected):
        payload, labels = missing[0]
        what = ", ".join(f"{name} {label}" for name, label in labels) or "a page"
        raise CollectionError(
            f"HTTP 404 from {payload.source_url}: {what} is not published yet, while the rest is; "
            "nothing is stored of these dates, which the next backfill asks for again"
        )


def _collect(collection: PlannedCollection, collector: HttpCollector) -> Iterator[tuple[Response, _Labels]]:
    for request in collection.requests:
        for payload in collect_pages(request, collector):
            yield payload, request.labels
