"""READ: decodes the body of a response, once, into plain Python values.

A `Document` holds a body and what it decodes to; `decode_json`, `decode_xml`, `read_csv_rows` and
`read_archive` are the formats, `find_records` and `values_at` look into a decoded document.
"""

from flows.documents.body_format import DocumentFormat
from flows.documents.compression import TooLargeError
from flows.documents.csv_document import CsvRows, read_csv_rows
from flows.documents.document import Document
from flows.documents.errors import MAX_MESSAGE, DocumentError, shortened, show_name, show_path
from flows.documents.json_document import (
    DecimalText,
    IntegerText,
    JsonScalar,
    JsonValue,
    NumberText,
    compact_json,
    decode_json,
    source_text,
)
from flows.documents.record_search import find_records, values_at, walk_to_records
from flows.documents.xml_document import decode_xml

__all__ = [
    "MAX_MESSAGE",
    "CsvRows",
    "DecimalText",
    "Document",
    "DocumentError",
    "DocumentFormat",
    "IntegerText",
    "JsonScalar",
    "JsonValue",
    "NumberText",
    "TooLargeError",
    "compact_json",
    "decode_json",
    "decode_xml",
    "find_records",
    "read_csv_rows",
    "shortened",
    "show_name",
    "show_path",
    "source_text",
    "values_at",
    "walk_to_records",
]
