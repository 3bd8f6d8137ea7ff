"""A usable response."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flows.documents import Document


@dataclass(frozen=True)
class Response:
    """A usable response.

    Attributes:
        document: The decompressed body, decoded when its value is first asked for; empty where the API
            says that it has no data.
        source_url: The URL asked, with its parameters and without secrets.
        collected_at: When the response was complete (UTC).
        next_url: The URL of the next page, from the HTTP Link header.
        is_unpublished: The response was a 404 for dates whose data may not be published yet.
        is_end_known: Whether a body that was cut off would have been noticed; false without a length.
    """

    document: Document = field(repr=False)
    source_url: str
    collected_at: datetime
    next_url: str | None = None
    is_unpublished: bool = False
    is_end_known: bool = True

    @property
    def body(self) -> bytes:
        """The decompressed bytes."""
        return self.document.body
