"""One JSON payload to its table, by every way there is."""

from __future__ import annotations

from collections.abc import Sequence

from flows.documents import decode_json, show_path
from flows.tabulation import Layout, Part, Table, tabulate
from flows.tabulation.record_tabulation import explode_chain, records_in, tabulate_records_exactly


def tabulate_json(
    body: bytes, *, records: Sequence[str] | None = None, explode: Sequence[Sequence[str]] | None = None
) -> Table:
    """The table of one payload, by whichever way it takes."""
    return tabulate([Part(body)], Layout(records=records, explode=explode))


def tabulate_exactly(
    body: bytes, *, records: Sequence[str] | None = None, explode: Sequence[Sequence[str]] | None = None
) -> Table:
    """The table by the way that every document can go."""
    rows, path = records_in(decode_json(body), records)
    chain = None if explode is None else explode_chain(explode)
    return tabulate_records_exactly([rows], show_path(path), chain).table
