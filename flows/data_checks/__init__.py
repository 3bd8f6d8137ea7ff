"""CHECK: a table to findings, on its own and compared with the last stored one.

Pure; a finding never drops data.
"""

from flows.data_checks.findings import CheckName, DataFinding, data_findings
from flows.data_checks.stored_shape import HEAD_BYTES, StoredShape, csv_shape

__all__ = ["HEAD_BYTES", "CheckName", "DataFinding", "StoredShape", "csv_shape", "data_findings"]
