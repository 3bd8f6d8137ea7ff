"""From page to page: the next request from what the last page said, never cut short in silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

import httpx

from flows.api_config import (
    CursorPagination,
    NextLinkPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
)
from flows.documents import DocumentError
from flows.http_collector import CollectionError, HttpCollector, Response
from flows.pagination.page_values import number_at, text_at
from flows.pagination.pages import Page, read_page
from flows.request_plan import CollectionRequest


def collect_pages(request: CollectionRequest, collector: HttpCollector) -> Iterator[Response]:
    """The payloads of a request: one, or every page where the API has `pagination`.

    Raises:
        CollectionError: Where a page gave no usable reply, repeats the one before it, does not hold
            what paging goes by, or is the last that `max_pages` allows with more to come.
    """
    pagination = request.api.pagination
    if pagination is None:
        yield collector.collect(request)
        return
    asked = first_page(request)
    page: Page | None = None
    while True:
        payload = collector.collect(asked)
        try:
            last, page = page, read_page(request.api, payload, page)
        except DocumentError as error:
            # redacted before str() cuts it
            reason = DocumentError(collector.redact(error.reason))
            raise CollectionError(f"{payload.source_url}: {reason}") from None
        if last is not None and page.rows and page.rows == last.rows:
            raise CollectionError(
                f"{payload.source_url}: page {page.number} repeats page {last.number}; "
                "check the names of the parameters under pagination"
            )
        if not page.is_spent:
            yield payload
        following = _next(asked, pagination, page, payload.source_url)
        if following is None:
            return
        if page.number >= pagination.max_pages:
            raise CollectionError(
                f"{payload.source_url}: there is more to come after {page.number} pages, "
                f"the most that max_pages ({pagination.max_pages}) allows"
            )
        asked = following


def first_page(request: CollectionRequest) -> CollectionRequest:
    """The request for the first page, where the API has pages."""
    pagination = request.api.pagination
    match pagination:
        case OffsetPagination():
            return _with_params(
                request,
                {pagination.offset_param: pagination.start, pagination.limit_param: pagination.limit},
            )
        case PagePagination():
            sizes = {pagination.size_param: pagination.size} if pagination.size_param else {}
            return _with_params(request, {pagination.page_param: pagination.start, **sizes})
        case CursorPagination() | NextLinkPagination() | None:
            return request
        case _:
            assert_never(pagination)


def _next(
    asked: CollectionRequest, pagination: Pagination, page: Page, shown_url: str
) -> CollectionRequest | None:
    """The request for the page after `page`; None where that is the last."""
    match pagination:
        case OffsetPagination():
            if _is_last_by_rows(pagination, page, shown_url):
                return None
            return _with_params(asked, {pagination.offset_param: pagination.start + page.rows_so_far})
        case PagePagination():
            if _is_last_by_pages(pagination, page, shown_url):
                return None
            return _with_params(asked, {pagination.page_param: pagination.start + page.number})
        case CursorPagination():
            cursor = text_at(page, pagination.cursor, shown_url)
            if not cursor:
                return None
            following = _with_params(asked, {pagination.cursor_param: cursor})
            if following == asked:
                raise CollectionError(f"{shown_url}: page {page.number} names itself as the next page")
            return following
        case NextLinkPagination():
            link = text_at(page, pagination.link, shown_url) if pagination.link else page.link
            return _linked(asked, link, page, shown_url) if link else None
        case _:
            assert_never(pagination)


def _is_last_by_rows(pagination: OffsetPagination, page: Page, shown_url: str) -> bool:
    if pagination.total is None:
        return len(page.rows) < pagination.limit
    total = number_at(page, pagination.total, shown_url)
    if not page.rows and page.rows_so_far < total:
        raise CollectionError(
            f"{shown_url}: page {page.number} is empty after {page.rows_so_far} of {total} rows"
        )
    return page.rows_so_far >= total


def _is_last_by_pages(pagination: PagePagination, page: Page, shown_url: str) -> bool:
    if pagination.total_pages is None:
        return len(page.rows) < (pagination.size or 1)
    return page.number >= number_at(page, pagination.total_pages, shown_url)


def _linked(asked: CollectionRequest, link: str, page: Page, shown_url: str) -> CollectionRequest:
    here = httpx.URL(asked.url)
    try:
        there = here.join(link)
    except httpx.InvalidURL:
        raise CollectionError(f"{shown_url}: the next link of page {page.number} is not a URL") from None
    following = replace(asked, url=str(there), params=(), linked_from=asked.linked_from or asked.url)
    if (following.url, following.params) == (asked.url, asked.params):
        raise CollectionError(f"{shown_url}: page {page.number} names itself as the next page")
    return following


def _with_params(request: CollectionRequest, changes: dict[str, object]) -> CollectionRequest:
    changed = {name: str(value) for name, value in changes.items()}
    params = [(name, changed.pop(name, value)) for name, value in request.params]
    return replace(request, params=(*params, *changed.items()))
