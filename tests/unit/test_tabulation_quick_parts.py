"""Several payloads by the quick way, and its bounds: the table is the exact way's of all their records.

Without deadlines: on busy cores the threads of polars wait for each other.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.documents import DocumentError, decode_json
from flows.tabulation import Layout, Part, Table, payload_tabulation, tabulate
from flows.tabulation.record_columns import write_columns
from flows.tabulation.record_paths import survey_records
from flows.tabulation.uniform_records import tabulate_uniform_records
from tests.unit.tabulating import tabulate_exactly
from tests.unit.test_tabulation_quick_lists import FORECASTS, RECORDS, compact
from tests.unit.test_tabulation_quick_ways import same_tables

LISTS = {"a": [{"x": 1, "y": "p"}, {"x": 2, "y": "q"}], "b": [{"x": 3}]}


@contextmanager
def bounded(name: str, bound: int) -> Iterator[None]:
    with ExitStack() as stack:
        for module in (
            "payload_tabulation",
            "record_columns",
            "plain_records",
            "record_shapes",
            "uniform_records",
            "repeated_rows",
        ):
            stack.enter_context(patch(f"flows.tabulation.{module}.{name}", bound, create=True))
        yield


@settings(deadline=None)
@given(
    records=FORECASTS,
    bound=st.tuples(
        st.sampled_from(["MAX_REPEATED_CHARACTERS", "MAX_PADDING", "MAX_COLUMNS"]), st.integers(0, 40)
    ),
)
def test_bounds_that_the_exact_way_keeps_are_kept(records: list[Any], bound: tuple[str, int]) -> None:
    body = compact(records)
    with bounded(*bound):
        quick = tabulate_uniform_records(body)
        # the exact way would raise
        assert quick is None or same_tables(quick, tabulate_exactly(body))


PARTS = st.lists(RECORDS | FORECASTS | st.just([LISTS, LISTS]), min_size=2, max_size=3)


@settings(max_examples=150, deadline=None)
@given(
    parts=PARTS | RECORDS.map(lambda records: [records[:1], records[1:] or records]),
    bound=st.integers(0, 60) | st.just(10**9),
)
def test_several_payloads_come_as_if_in_one(parts: list[list[Any]], bound: int) -> None:
    payloads = [Part(compact(records)) for records in parts]
    with bounded("MAX_REPEATED_CHARACTERS", bound), bounded("MAX_PADDING", bound):
        try:
            with patch.object(payload_tabulation, "UNIFORM_MIN_BYTES", 10**9):
                exact: Table | str = tabulate(payloads, Layout())
        except DocumentError as error:
            exact = str(error)
        try:
            with patch.object(payload_tabulation, "UNIFORM_MIN_BYTES", 0):
                quick: Table | str = tabulate(payloads, Layout())
        except DocumentError as error:
            quick = str(error)
    if isinstance(quick, Table) and isinstance(exact, Table):
        assert same_tables(quick, exact)
    else:
        assert quick == exact


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a_b": 1, "c": 2}, {"a": {"b": 1}, "c": 2}),
        ({"a": "", "c": 2}, {"a": {"$": "x"}, "c": 2}),
        ({"a": "", "c": 2}, {"a": [1], "c": 2}),
        ({"a_x": "", "c": 2}, {"a": [{"x": "1"}], "c": 2}),
        ({"a": [], "b": [], "c": 2}, {"a": [{"x": 1}], "b": [{"x": 1}], "c": 2}),
        ({"a": [{"x": 1}], "b": [], "c": [{"x": 1}]}, {"a": [1], "b": [{"x": 1}], "c": [{"x": 1}]}),
        ({"a": {"x": 1}, "b": 1}, {"a": [{"x": 1}], "b": 1}),
    ],
)
def test_payloads_whose_columns_have_the_same_names_alone_are_not_joined(first: Any, second: Any) -> None:
    payloads = [Part(compact([record] * 3)) for record in (first, second)]
    tables = []
    for least in (0, 10**9):
        with patch.object(payload_tabulation, "UNIFORM_MIN_BYTES", least):
            tables.append(tabulate(payloads, Layout()))
    assert same_tables(*tables)


def test_garbage_is_sought_again_whatever_came_of_a_table() -> None:
    for body in (b'[{"a":1}]', b"[{"):
        with contextlib.suppress(DocumentError):
            tabulate([Part(body)], Layout())
        assert gc.isenabled()


def test_the_exact_way_leaves_no_columns_behind_for_the_garbage_collector() -> None:
    decoded: Any = decode_json(b'[{"a":[{"x":1}],"b":{"c":2}},{"a":[],"b":""}]')
    root = survey_records([decoded], [("a",)])
    columns, _ = write_columns(root, [decoded])
    assert not any(column.sources for column in columns)
