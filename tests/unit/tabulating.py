"""One JSON body to its table: by whichever way serves it, or by the general way."""

from __future__ import annotations

from collections.abc import Sequence

from flows.documents import Document
from flows.tabulation import Layout, Part, Table, tabulate

Path = Sequence[str]


def tabulate_json(
    body: bytes, *, records: Path | None = None, explode: Sequence[Path] | None = None
) -> Table:
    """The table of one body."""
    return tabulate([Part(body)], Layout(records=records, explode=explode))


def tabulate_decoded(bodies: Sequence[bytes], layout: Layout) -> Table:
    """The table of bodies that have been decoded already, which only the general way serves."""
    documents = [Document(body, layout.format, skip_rows=layout.skip_rows) for body in bodies]
    for document in documents:
        document.value()
    return tabulate([Part(document) for document in documents], layout)
