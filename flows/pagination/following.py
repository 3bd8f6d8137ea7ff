"""Collects page after page, until the last or a failure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flows.documents import DocumentError
from flows.http_collector import CollectionError, HttpCollector, Response
from flows.pagination.kinds import Paging, paging_of
from flows.pagination.page import Page
from flows.pagination.page_reading import read_page
from flows.request_plan import CollectionRequest

MAX_DECODED_BYTES = 64_000_000
"""Of the bodies of pages whose documents stay decoded, which take three to five times as much memory."""

# how services respond to a request for a page after the last one, where they do not send an empty page
_NO_SUCH_PAGE = {404, 416}
_SECOND_PAGE = 2


def collect_pages(request: CollectionRequest, collector: HttpCollector) -> Iterator[Response]:
    """Collect the responses of a request: one, or every page where the API has `pagination`.

    What ends paging depends on who says that there is another page: the configured total, the service with a
    cursor or a link, or nobody, so that pages are asked for until there are none.

    ========================== ==================== =========================== ====================
    page                       total                cursor, next link           neither
    ========================== ==================== =========================== ====================
    reaches the total          end
    has no cursor or link                           end
    shorter than asked for     next page            next page                   next page
    no rows                    offset: failure,     next page; the third in     end
                               page: next page      a row is the end
    HTTP 404 or 416            failure              failure                     failure; end after a
                                                                                page that is not full
    page 2 has page 1's rows   failure              failure                     failure
    later page has the rows    failure              failure                     end
    of the last or the first
    next is asked for already                       failure; end where the
                                                    page has no rows
    rows after max_pages       failure              failure                     failure
    ========================== ==================== =========================== ====================

    A page that is not full is not the end: services cap the size of a page, by rows or by bytes, and filter
    rows after cutting the page; one more request is cheap. Page 2 has the rows of page 1 where the service
    does not know a parameter. A later page has those of another where the service answers numbers after its
    last page with that page or the first one. Pages without rows may come before others that have some, as
    the guidelines for Google's and Azure's APIs say of page tokens and next links. An object without a list
    of records is one row, and the end where more rows were asked for.

    The documents of pages are decoded, up to `MAX_DECODED_BYTES` of them.

    Raises:
        CollectionError: Where a page could not be collected or read, lacks what paging needs, or is a failure
            by the table above.
    """
    pagination = request.api.pagination
    if pagination is None:
        yield collector.collect(request)
        return
    paging = paging_of(pagination)
    asked: CollectionRequest | None = paging.first(request)
    numbers: dict[tuple[object, ...], int] = {}
    first: Page | None = None
    last: Page | None = None
    decoded_bytes = 0
    while asked is not None:
        response = _response(asked, collector, last, paging)
        if response is None:
            return
        page = _page(asked, response, last, collector)
        numbers[asked.url, asked.params] = page.number
        if _repeats_the_end(page, (last, first), paging, response.source_url):
            return
        if page.rows and page.number > pagination.max_pages:
            raise CollectionError(
                f"{response.source_url}: there is more to come after {pagination.max_pages} pages, "
                f"the most that max_pages ({pagination.max_pages}) allows"
            )
        decoded_bytes += len(response.body)
        if decoded_bytes > MAX_DECODED_BYTES:
            response.document.forget()
        if not page.is_past_end:
            yield response
        asked = _unless_asked(paging.following(asked, page, response.source_url), numbers, page, response)
        first, last = first or page, page


def first_page(request: CollectionRequest) -> CollectionRequest:
    """Return the request for the first page, where the API has pages, else the request itself."""
    pagination = request.api.pagination
    return paging_of(pagination).first(request) if pagination else request


def _response(
    asked: CollectionRequest, collector: HttpCollector, last: Page | None, paging: Paging
) -> Response | None:
    """Collect the page after `last`; None where the service says that there is none."""
    may_be_absent = last is not None and paging.ends_with_rows and len(last.rows) < paging.max_rows
    try:
        response = collector.collect(asked)
    except CollectionError as error:
        if may_be_absent and error.status in _NO_SUCH_PAGE:
            return None
        raise
    return None if may_be_absent and response.is_unpublished else response


def _page(asked: CollectionRequest, response: Response, last: Page | None, collector: HttpCollector) -> Page:
    try:
        page = read_page(asked.api, response, last)
    except DocumentError as error:
        # redacted before str() cuts it
        reason = DocumentError(collector.redact(error.reason))
        raise CollectionError(f"{response.source_url}: {reason}") from None
    before = last.pages_without_rows if last else 0
    return replace(page, pages_without_rows=0 if page.rows else before + 1)


def _repeats_the_end(page: Page, earlier: tuple[Page | None, ...], paging: Paging, shown_url: str) -> bool:
    """Whether a page has the rows of an earlier one because there are no more.

    Raises:
        CollectionError: It has the rows of an earlier page for another reason.
    """
    repeated = next((each for each in earlier if each and page.rows and page.rows == each.rows), None)
    if repeated is None:
        return False
    if paging.ends_with_rows and page.number > _SECOND_PAGE:
        return True
    raise CollectionError(
        f"{shown_url}: page {page.number} repeats page {repeated.number}; "
        "check the names of the parameters under pagination, or leave it out if there is only one page"
    )


def _unless_asked(
    following: CollectionRequest | None,
    numbers: dict[tuple[object, ...], int],
    page: Page,
    response: Response,
) -> CollectionRequest | None:
    """Return the request for the next page; None where it was sent already and `page` has no rows."""
    number = numbers.get((following.url, following.params)) if following else None
    if number is None:
        return following
    if not page.rows:
        return None
    named = "itself" if number == page.number else f"page {number}"
    raise CollectionError(f"{response.source_url}: page {page.number} names {named} as the next page")
