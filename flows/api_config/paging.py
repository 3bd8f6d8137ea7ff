"""The key `pagination`: how further pages are requested."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from flows.api_config.field_types import ParameterName, Path

DEFAULT_MAX_PAGES = 1000


class _Pagination(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    max_pages: int = Field(default=DEFAULT_MAX_PAGES, ge=1)
    """The most pages; an API with more of them fails, rather than losing data."""

    @property
    def own_params(self) -> tuple[str, ...]:
        """The query parameters that paging sets."""
        return ()


class OffsetPagination(_Pagination):
    """By row number: `offset=0&length=5000`, then `offset=5000`, until `total` or an empty page."""

    kind: Literal["offset"]
    offset_param: ParameterName = "offset"
    limit_param: ParameterName = "length"
    limit: int = Field(default=5000, ge=1)
    start: int = Field(default=0, ge=0)
    """The number of the first row: 0 or 1."""
    total: Path | None = None
    """Path to the total number of rows."""

    @property
    def own_params(self) -> tuple[str, ...]:
        """The query parameters that paging sets."""
        return (self.offset_param, self.limit_param)


class PagePagination(_Pagination):
    """By page number: `page=1`, then `page=2`, until `total_pages` or an empty page."""

    kind: Literal["page"]
    page_param: ParameterName = "page"
    start: int = Field(default=1, ge=0)
    size_param: ParameterName | None = None
    """The parameter for the page size, if the service has one; needs size."""
    size: int | None = Field(default=None, ge=1)
    """The rows of a full page."""
    total_pages: Path | None = None
    """Path to the number of pages."""

    @property
    def own_params(self) -> tuple[str, ...]:
        """The query parameters that paging sets."""
        return (self.page_param, self.size_param) if self.size_param else (self.page_param,)


class CursorPagination(_Pagination):
    """By cursor: each page holds, at `cursor`, the value to send for the next page; the last has none."""

    kind: Literal["cursor"]
    cursor_param: ParameterName = "cursor"
    cursor: Path

    @property
    def own_params(self) -> tuple[str, ...]:
        """The query parameters that paging sets."""
        return (self.cursor_param,)


class NextLinkPagination(_Pagination):
    """By link: each page holds the next page's URL, at `link` or else in the HTTP Link header."""

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
