"""CHECK: a table to findings, on its own and compared with its window and the last stored one.

Pure; a finding never drops data.
"""

from flows.data_checks.findings import CheckName, DataFinding, data_findings
from flows.data_checks.row_times import RowTimes, row_times
from flows.data_checks.stored_shape import HEAD_BYTES, StoredShape, csv_shape
from flows.data_checks.window_rows import WindowRows, window_rows

__all__ = [
    "HEAD_BYTES",
    "CheckName",
    "DataFinding",
    "RowTimes",
    "StoredShape",
    "WindowRows",
    "csv_shape",
    "data_findings",
    "row_times",
    "window_rows",
]
