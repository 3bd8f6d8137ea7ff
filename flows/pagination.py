"""COLLECT, page by page: the next request from what the last page said, never cut short in silence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

import httpx

from flows.api_config import (
    ApiConfig,
    CursorPagination,
    NextLinkPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
)
from flows.documents import (
    JsonValue,
    PayloadError,
    decode_json,
    decode_xml,
    find_records,
    read_csv_rows,
    show_path,
    values_at,
    walk_to_records,
)
from flows.http_collector import CollectionError, HttpCollector, Payload, same_origin
from flows.request_plan import CollectionRequest


@dataclass(frozen=True)
class Page:
    """One page as paging sees it.

    Attributes:
        number: 1 for the first.
        rows: Its records.
        rows_before: How many records the pages before it had.
        document: The whole of it; None for CSV.
        link: Where the HTTP Link header says that the next page is.
    """

    number: int
    rows: Sequence[Any] = field(repr=False)
    rows_before: int
    document: JsonValue = field(repr=False)
    link: str | None = None

    @property
    def rows_so_far(self) -> int:
        """The records of this page and those before it."""
        return self.rows_before + len(self.rows)


def collect_pages(request: CollectionRequest, collector: HttpCollector) -> Iterator[Payload]:
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
        last, page = page, _page(request.api, payload, page)
        if last is not None and page.rows and page.rows == last.rows:
            raise CollectionError(
                f"{payload.source_url}: page {page.number} repeats page {last.number}; "
                "check the names of the parameters under pagination"
            )
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
            cursor = _text_at(page, pagination.cursor)
            if not cursor:
                return None
            following = _with_params(asked, {pagination.cursor_param: cursor})
            if following == asked:
                raise CollectionError(f"{shown_url}: page {page.number} names itself as the next page")
            return following
        case NextLinkPagination():
            link = _text_at(page, pagination.link) if pagination.link else page.link
            return _linked(asked, link, page, shown_url) if link else None
        case _:
            assert_never(pagination)


def _is_last_by_rows(pagination: OffsetPagination, page: Page, shown_url: str) -> bool:
    if pagination.total is None:
        return len(page.rows) < pagination.limit
    total = _number_at(page, pagination.total, shown_url)
    if not page.rows and page.rows_so_far < total:
        raise CollectionError(
            f"{shown_url}: page {page.number} is empty after {page.rows_so_far} of {total} rows"
        )
    return page.rows_so_far >= total


def _is_last_by_pages(pagination: PagePagination, page: Page, shown_url: str) -> bool:
    if pagination.total_pages is None:
        return len(page.rows) < (pagination.size or 1)
    return page.number >= _number_at(page, pagination.total_pages, shown_url)


def _linked(asked: CollectionRequest, link: str, page: Page, shown_url: str) -> CollectionRequest:
    here = httpx.URL(asked.url)
    try:
        there = here.join(link)
    except httpx.InvalidURL:
        raise CollectionError(f"{shown_url}: the next link of page {page.number} is not a URL") from None
    if not same_origin(here, there):
        raise CollectionError(
            f"{shown_url}: the next link of page {page.number} leads to another origin, "
            f"{there.scheme}://{there.netloc.decode()}, which was not asked"
        )
    following = replace(asked, url=str(there), params=())
    if following == asked:
        raise CollectionError(f"{shown_url}: page {page.number} names itself as the next page")
    return following


def _with_params(request: CollectionRequest, changes: dict[str, object]) -> CollectionRequest:
    changed = {name: str(value) for name, value in changes.items()}
    params = [(name, changed.pop(name, value)) for name, value in request.params]
    return replace(request, params=(*params, *changed.items()))


def _page(api: ApiConfig, payload: Payload, last: Page | None) -> Page:
    number = last.number + 1 if last else 1
    rows_before = last.rows_so_far if last else 0
    try:
        rows, document = _content(api, payload.body)
    except PayloadError as error:
        raise CollectionError(f"{payload.source_url}: page {number} cannot be read: {error}") from None
    return Page(number, rows, rows_before, document, payload.next_url)


def _content(api: ApiConfig, body: bytes) -> tuple[Sequence[Any], JsonValue]:
    """The records of a page, and the document they stand in."""
    if api.format == "csv":
        return read_csv_rows(body, api.skip_rows)[1], None
    document = decode_xml(body) if api.format == "xml" else decode_json(body)
    if api.columnar:
        columns = [value for value in values_at(document, api.columnar) if isinstance(value, dict)]
        lists = [value for column in columns for value in column.values() if isinstance(value, list)]
        return list(zip(*lists, strict=False)), document
    records = api.rows_from or api.records
    if records is not None:
        return walk_to_records(document, records), document
    rows, path = find_records(document)
    if api.format == "json" and len(rows) == 1 and isinstance(rows[0], dict) and document is not None:
        inner = values_at(document, path) if path else [document]
        if inner == rows and any(isinstance(value, list) for value in rows[0].values()):
            raise PayloadError(
                f"the object at {show_path(path)} holds more than its records: "
                'say where they are, with "records"'
            )
    return rows, document


def _text_at(page: Page, path: Sequence[str]) -> str | None:
    scalars = [value for value in values_at(page.document, path) if isinstance(value, str | int)]
    texts = [str(value) for value in scalars if not isinstance(value, bool)]
    return next((text for text in texts if text.strip()), None)


def _number_at(page: Page, path: Sequence[str], shown_url: str) -> int:
    text = _text_at(page, path)
    if text is None and page.number == 1 and not page.rows:
        return 0
    try:
        return int(str(text))
    except ValueError:
        found = "nothing" if text is None else repr(text)
        raise CollectionError(
            f"{shown_url}: page {page.number} has {found} at {show_path(path)}, where paging needs a number"
        ) from None
