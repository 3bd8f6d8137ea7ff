"""COLLECT, page by page: all that an API hands out, or a failure that says what is missing."""

from flows.pagination.following import collect_pages, first_page

__all__ = ["collect_pages", "first_page"]
