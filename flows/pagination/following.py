"""Collects page after page, until the last or a failure."""

from __future__ import annotations

from collections.abc import Iterator

from flows.documents import DocumentError
from flows.http_collector import CollectionError, HttpCollector, Response
from flows.pagination.kinds import paging_of
from flows.pagination.page import Page
from flows.pagination.page_reading import read_page
from flows.request_plan import CollectionRequest

MAX_DECODED_BYTES = 64_000_000
"""Of the bodies of pages whose documents stay decoded, which take three to five times as much memory."""


def collect_pages(request: CollectionRequest, collector: HttpCollector) -> Iterator[Response]:
    """Collect the responses of a request: one, or every page where the API has `pagination`.

    The documents of pages are decoded, up to `MAX_DECODED_BYTES` of them.

    Raises:
        CollectionError: Where a page could not be collected or read, repeats the one before it, lacks
            what paging needs, or is the last that `max_pages` allows with more to come.
    """
    pagination = request.api.pagination
    if pagination is None:
        yield collector.collect(request)
        return
    paging = paging_of(pagination)
    asked = paging.first(request)
    page: Page | None = None
    decoded_bytes = 0
    while True:
        response = collector.collect(asked)
        try:
            last, page = page, read_page(request.api, response, page)
        except DocumentError as error:
            # redacted before str() cuts it
            reason = DocumentError(collector.redact(error.reason))
            raise CollectionError(f"{response.source_url}: {reason}") from None
        if last is not None and page.rows and page.rows == last.rows:
            raise CollectionError(
                f"{response.source_url}: page {page.number} repeats page {last.number}; "
                "check the names of the parameters under pagination"
            )
        decoded_bytes += len(response.body)
        if decoded_bytes > MAX_DECODED_BYTES:
            response.document.forget()
        if not page.is_past_end:
            yield response
        following = paging.following(asked, page, response.source_url)
        if following is None:
            return
        if page.number >= pagination.max_pages:
            raise CollectionError(
                f"{response.source_url}: there is more to come after {page.number} pages, "
                f"the most that max_pages ({pagination.max_pages}) allows"
            )
        asked = following


def first_page(request: CollectionRequest) -> CollectionRequest:
    """Return the request for the first page, where the API has pages, else the request itself."""
    pagination = request.api.pagination
    return paging_of(pagination).first(request) if pagination else request
