"""TABULATE: payload bytes to a flat polars frame, without side effects."""

from flows.tabulation.response_tabulation import tabulate
from flows.tabulation.table import Finding, Layout, Part, Table

__all__ = ["Finding", "Layout", "Part", "Table", "tabulate"]
