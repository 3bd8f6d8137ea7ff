"""TABULATE: the responses of an API to one flat polars frame.

Pure: README.md in this folder has the rules, `response_tabulation` the entry point.
"""

from flows.tabulation.parquet_types import changed_types, parquet_types
from flows.tabulation.response_tabulation import tabulate
from flows.tabulation.table import Finding, Layout, Part, Table

__all__ = ["Finding", "Layout", "Part", "Table", "changed_types", "parquet_types", "tabulate"]
