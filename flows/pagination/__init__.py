"""COLLECT, page by page: all rows of a paginated API, or an error that says what is missing.

`kinds` has one class for each kind of pagination; `page_reading` finds the rows of a page.
"""

from flows.pagination.following import collect_pages, first_page

__all__ = ["collect_pages", "first_page"]
