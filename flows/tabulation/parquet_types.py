"""The types that the columns of a table have in Parquet, to compare tables of different dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl


def parquet_types(typed: pl.DataFrame) -> dict[str, str]:
    """Return the type of each column that has a value: `Int64`, `Float64`, `Boolean` or `String`.

    A column without a value is String in Parquet, which says nothing about its type.

    Args:
        typed: A table's `typed()` frame, or a Parquet object that was read.
    """
    return {each.name: str(each.dtype) for each in typed.get_columns() if each.null_count() < each.len()}


def changed_types(types: Mapping[str, str], known: Mapping[str, str]) -> list[str]:
    """Describe the columns whose type is not the known one: `mw (was Int64, is Float64)`.

    To look back beyond tables in which a column is empty, keep what is known: `{**known, **types}`.

    Args:
        types: The types of a table, by `parquet_types`.
        known: Those of the tables before it.
    """
    return [
        f"{name} (was {known[name]}, is {now})" for name, now in types.items() if known.get(name, now) != now
    ]
