"""How an API hands out its data page by page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from flows.api_config.field_types import ParameterName, Path

DEFAULT_MAX_PAGES = 1000


class _Pagination(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    max_pages: int = Field(default=DEFAULT_MAX_PAGES, ge=1)
    """More pages than this are a failure, never cut short in silence."""

    @property
    def own_params(self) -> tuple[str, ...]:
        """The names of the query parameters that paging sets."""
        return ()


class OffsetPagination(_Pagination):
    """Rows are counted: `offset=0&length=5000`, then `offset=5000`, until `total` or a short page."""

    kind: Literal["offset"]
    offset_param: ParameterName = "offset"
    limit_param: ParameterName = "length"
    limit: int = Field(default=5000, ge=1)
    start: int = Field(default=0, ge=0)
    """The first row's number: 0, or 1 where the service counts from one."""
    total: Path | None = None
    """Where a page tells how many rows there are in all."""

    @property
    def own_params(self) -> tuple[str, ...]:
        """The names of the query parameters that paging sets."""
        return (self.offset_param, self.limit_param)


class PagePagination(_Pagination):
    """Pages are counted: `page=1`, then `page=2`, until `total_pages` or a short or empty page."""

    kind: Literal["page"]
    page_param: ParameterName = "page"
    start: int = Field(default=1, ge=0)
    size_param: ParameterName | None = None
    """Sent with size, where the service lets the size of its pages be chosen."""
    size: int | None = Field(default=None, ge=1)
    """The rows of a full page; a shorter one is the last."""
    total_pages: Path | None = None
    """Where a page tells how many pages there are."""

    @property
    def own_params(self) -> tuple[str, ...]:
        """The names of the query parameters that paging sets."""
        return (self.page_param, self.size_param) if self.size_param else (self.page_param,)


class CursorPagination(_Pagination):
    """Each page tells, at `cursor`, what to send for the next; nothing there ends it."""

    kind: Literal["cursor"]
    cursor_param: ParameterName = "cursor"
    cursor: Path

    @property
    def own_params(self) -> tuple[str, ...]:
        """The names of the query parameters that paging sets."""
        return (self.cursor_param,)


class NextLinkPagination(_Pagination):
    """Each page tells the next one's address, at `link` or else in the HTTP Link header."""

    kind: Literal["next_link"]
    link: Path | None = None


Pagination = Annotated[
    OffsetPagination | PagePagination | CursorPagination | NextLinkPagination, Field(discriminator="kind")
]
PAGINATION_KINDS: dict[str, type[_Pagination]] = {
    "offset": OffsetPagination,
    "page": PagePagination,
    "cursor": CursorPagination,
    "next_link": NextLinkPagination,
}
