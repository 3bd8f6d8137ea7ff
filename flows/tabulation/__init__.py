"""TABULATE: payload bytes to a flat polars frame, without side effects."""

from flows.tabulation.json_tabulation import tabulate_json
from flows.tabulation.table import Finding, Table, TabulationError

__all__ = ["Finding", "Table", "TabulationError", "tabulate_json"]
