"""The kinds of pagination, one class each: its first request, and the one after a page."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

import httpx

from flows.api_config import (
    CursorPagination,
    NextLinkPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
)
from flows.http_collector import CollectionError
from flows.pagination.page import Page
from flows.pagination.page_values import number_at, text_at
from flows.request_plan import CollectionRequest

MAX_PAGES_WITHOUT_ROWS = 3
"""So many in a row are the end, where a cursor or link to the next page is always there, as in CKAN."""


class Paging(Protocol):
    """How an API is asked for its pages."""

    @property
    def counts_rows(self) -> bool:
        """Whether the next request depends on the number of rows."""

    @property
    def max_rows(self) -> float:
        """The most rows that a page may have."""

    @property
    def ends_with_rows(self) -> bool:
        """Whether nothing but the rows says which page is the last."""

    @property
    def next_path(self) -> tuple[str, ...]:
        """The path of what a page says about the next one; empty for nothing."""

    def first(self, request: CollectionRequest) -> CollectionRequest:
        """Return the request for the first page."""

    def following(self, asked: CollectionRequest, page: Page, shown_url: str) -> CollectionRequest | None:
        """Return the request for the page after `page`, or None where that is the last.

        Args:
            asked: The request that returned `page`.
            page: The last page.
            shown_url: Its address, for messages.

        Raises:
            CollectionError: Where the page lacks what paging needs.
        """


def paging_of(pagination: Pagination) -> Paging:
    """Return the kind of paging that is configured."""
    match pagination:
        case OffsetPagination():
            return OffsetPaging(pagination)
        case PagePagination():
            return PagePaging(pagination)
        case CursorPagination():
            return CursorPaging(pagination)
        case NextLinkPagination():
            return NextLinkPaging(pagination)
        case _:
            assert_never(pagination)


@dataclass(frozen=True)
class OffsetPaging:
    """The number of rows to skip: `?offset=5000&length=5000`.

    The last page is the one that reaches the total, here at `["response", "total"]`; without a total, an
    empty page ends paging::

        {"response": {"total": "7321", "data": [{"period": "2024-01-01T00", "value": "512"}]}}
    """

    config: OffsetPagination
    counts_rows = True
    next_path = ()

    @property
    def max_rows(self) -> float:
        """The configured limit."""
        return self.config.limit

    @property
    def ends_with_rows(self) -> bool:
        """Whether no total is configured."""
        return self.config.total is None

    def first(self, request: CollectionRequest) -> CollectionRequest:
        """Ask for the rows from the configured start."""
        sizes = {self.config.limit_param: self.config.limit}
        return _with_params(request, {self.config.offset_param: self.config.start, **sizes})

    def following(self, asked: CollectionRequest, page: Page, shown_url: str) -> CollectionRequest | None:
        """Ask for the rows after those that have come."""
        if self._is_last(page, shown_url):
            return None
        return _with_params(asked, {self.config.offset_param: self.config.start + page.rows_so_far})

    def _is_last(self, page: Page, shown_url: str) -> bool:
        if self.config.total is None:
            return _is_end(page, self.config.limit)
        total = number_at(page, self.config.total, shown_url)
        if not page.rows and page.rows_so_far < total:
            raise CollectionError(
                f"{shown_url}: page {page.number} is empty after {page.rows_so_far} of {total} rows"
            )
        return page.rows_so_far >= total


@dataclass(frozen=True)
class PagePaging:
    """The number of the page: `?page=2&size=1000`.

    The last page is the one whose number is the total, here at `["_meta", "totalPages"]`; without a total,
    an empty page ends paging::

        {"_meta": {"totalPages": 3, "currentPage": 2}, "data": [["2024-01-01", 12.5]]}
    """

    config: PagePagination
    counts_rows = True
    next_path = ()

    @property
    def max_rows(self) -> float:
        """The configured size."""
        return self.config.size or math.inf

    @property
    def ends_with_rows(self) -> bool:
        """Whether no total is configured."""
        return self.config.total_pages is None

    def first(self, request: CollectionRequest) -> CollectionRequest:
        """Ask for the page with the configured first number."""
        sizes = {self.config.size_param: self.config.size} if self.config.size_param else {}
        return _with_params(request, {self.config.page_param: self.config.start, **sizes})

    def following(self, asked: CollectionRequest, page: Page, shown_url: str) -> CollectionRequest | None:
        """Ask for the page with the next number."""
        if self.config.total_pages is None:
            is_last = _is_end(page, self.config.size or 1)
        else:
            is_last = page.number >= number_at(page, self.config.total_pages, shown_url)
        if is_last:
            return None
        return _with_params(asked, {self.config.page_param: self.config.start + page.number})


@dataclass(frozen=True)
class CursorPaging:
    """A value that a page gives for the next: `?cursor=eyJpZCI6NX0`.

    The last page is the one without a cursor, here at `["next"]`::

        {"rows": [{"time": "2024-01-01T00:00Z", "price": 12.5}], "next": "eyJpZCI6NX0"}
    """

    config: CursorPagination
    counts_rows = False
    max_rows = math.inf
    ends_with_rows = False

    @property
    def next_path(self) -> tuple[str, ...]:
        """The path of the cursor."""
        return tuple(self.config.cursor)

    def first(self, request: CollectionRequest) -> CollectionRequest:
        """Ask without a cursor."""
        return request

    def following(self, asked: CollectionRequest, page: Page, shown_url: str) -> CollectionRequest | None:
        """Ask with the cursor of the page."""
        cursor = text_at(page, self.config.cursor, shown_url)
        if not cursor or page.pages_without_rows == MAX_PAGES_WITHOUT_ROWS:
            return None
        return _with_params(asked, {self.config.cursor_param: cursor})


@dataclass(frozen=True)
class NextLinkPaging:
    """The address of the next page, in the page or in the HTTP header `Link: <…>; rel="next"`.

    The last page is the one without a link, here at `["links", "next"]`::

        {"items": [{"hour": 1, "mw": 512}], "links": {"next": "/api/v1/load?startRow=2&rowCount=1"}}
    """

    config: NextLinkPagination
    counts_rows = False
    max_rows = math.inf
    ends_with_rows = False

    @property
    def next_path(self) -> tuple[str, ...]:
        """The path of the link; empty for the HTTP header."""
        return tuple(self.config.link or ())

    def first(self, request: CollectionRequest) -> CollectionRequest:
        """Ask for the configured address."""
        return request

    def following(self, asked: CollectionRequest, page: Page, shown_url: str) -> CollectionRequest | None:
        """Ask for the address that the page links to."""
        link = text_at(page, self.config.link, shown_url) if self.config.link else page.link
        if not link or page.pages_without_rows == MAX_PAGES_WITHOUT_ROWS:
            return None
        try:
            there = httpx.URL(asked.url).join(link)
        except httpx.InvalidURL:
            message = f"{shown_url}: the next link of page {page.number} is not a URL"
            raise CollectionError(message) from None
        return replace(asked, url=str(there), params=(), linked_from=asked.linked_from or asked.url)


def _is_end(page: Page, size: int) -> bool:
    """Whether a page is the last by its rows; `size` is how many were asked for."""
    # an object without a list counts as one row, also where it is what surrounds no rows
    return not page.rows or (page.place is None and len(page.rows) < size)


def _with_params(request: CollectionRequest, changes: dict[str, object]) -> CollectionRequest:
    changed = {name: str(value) for name, value in changes.items()}
    params = [(name, changed.pop(name, value)) for name, value in request.params]
    return replace(request, params=(*params, *changed.items()))
