"""TABULATE: payload bytes to a flat polars frame, without side effects."""

from flows.tabulation.json_tabulation import tabulate_json
from flows.tabulation.table import Finding, Table

__all__ = ["Finding", "Table", "tabulate_json"]
