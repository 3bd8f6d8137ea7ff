"""Values that a page has beside its rows: the next cursor or link, or a total."""

from __future__ import annotations

import math
from collections.abc import Sequence

from flows.documents import NumberText, show_path, values_at
from flows.http_collector import CollectionError
from flows.pagination.page import Page


def text_at(page: Page, path: Sequence[str], shown_url: str) -> str | None:
    """Return the text or number at a path of a page, as it is sent; None for nothing.

    Raises:
        CollectionError: Where a list or an object stands there.
    """
    for value in values_at(page.document, path):
        if value is True or (value and isinstance(value, dict | list)):
            kind = "true" if value is True else "an object" if isinstance(value, dict) else "a list"
            raise CollectionError(
                f"{shown_url}: page {page.number} has {kind} at {show_path(path)}, "
                "where paging needs a text or a number"
            )
        # null, false and what is empty are none
        if isinstance(value, str | int | NumberText) and value is not False and str(value).strip():
            # a cursor is opaque, and is sent back unchanged
            return str(value)
    return None


def number_at(page: Page, path: Sequence[str], shown_url: str) -> int:
    """Return the whole number at a path of a page; 0 for nothing on a first page without rows.

    Raises:
        CollectionError: Where no such number stands there.
    """
    text = text_at(page, path, shown_url)
    if text is None and page.number == 1 and not page.rows:
        return 0
    try:
        number = float(str(text))
    except ValueError:
        number = math.nan
    if not number.is_integer() or number < 0 or (number == 0 and page.rows and page.place is not None):
        found = "nothing" if text is None else repr(text)
        raise CollectionError(
            f"{shown_url}: page {page.number} has {found} at {show_path(path)}, where paging needs a number"
        )
    return int(number)
