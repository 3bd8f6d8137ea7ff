"""The columns of a stored CSV object and the kind of their values, from its first bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl
from polars.exceptions import PolarsError

from flows.data_checks.hours import series_step
from flows.data_checks.row_times import row_times

HEAD_BYTES = 262_144
"""The bytes of an object that are read; some thousand rows of prices."""

Holds = Literal["numbers", "true or false", "text", "nothing"]


@dataclass(frozen=True)
class StoredShape:
    """The properties that are compared between two objects of an API.

    Attributes:
        columns: Their names, and what the first rows of each hold.
        rows: The rows of the whole object; None where that is not known.
        step: The time from one row to the next; None where it is no part of an hour.
        length: The length of its window; None for an object of a run.
    """

    columns: dict[str, Holds]
    rows: int | None
    step: timedelta | None = None
    length: timedelta | None = None

    def with_known(self, last: StoredShape | None) -> StoredShape:
        """This shape, in which a column without a value holds what it held in the last object."""
        known = last.columns if last else {}
        columns = {
            name: known.get(name, holds) if holds == "nothing" else holds
            for name, holds in self.columns.items()
        }
        return replace(self, columns=columns)


def csv_shape(
    head: bytes, rows: int | None, time_columns: Iterable[str] = (), zone: ZoneInfo | None = None
) -> StoredShape | None:
    """Return the shape of a CSV object; None where not even its header can be read.

    Args:
        head: Its first `HEAD_BYTES`, or all of it.
        rows: The number of rows of the whole object.
        time_columns: The columns that may hold the rows' times, in order.
        zone: The zone of times without an offset.
    """
    # the last line may be cut, unless this is all
    whole_lines = head if len(head) < HEAD_BYTES else head[: head.rfind(b"\n") + 1]
    try:
        frame = pl.read_csv(
            io.BytesIO(whole_lines),
            infer_schema_length=None,
            ignore_errors=True,
            truncate_ragged_lines=True,
        )
    except PolarsError:
        return None
    times = row_times(frame, time_columns, zone)
    step = series_step(times.moments) if times and times.precision == "time" else None
    return StoredShape({column.name: _holds(column) for column in frame}, rows, step)


def _holds(column: pl.Series) -> Holds:
    if column.null_count() == column.len():
        return "nothing"
    if column.dtype.is_numeric():
        return "numbers"
    return "true or false" if column.dtype == pl.Boolean else "text"
