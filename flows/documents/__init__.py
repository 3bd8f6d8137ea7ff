"""READ: payload bytes to trees and rows, as their format says; pure."""

from flows.documents.archive import Member, archive_members
from flows.documents.charsets import readable
from flows.documents.csv_document import read_csv_rows
from flows.documents.errors import DocumentError, shortened, show_path
from flows.documents.json_document import (
    DecimalText,
    IntegerText,
    JsonValue,
    compact_json,
    decode_json,
    source_text,
)
from flows.documents.record_search import find_records, values_at, walk_to_records
from flows.documents.xml_document import decode_xml

__all__ = [
    "DecimalText",
    "DocumentError",
    "IntegerText",
    "JsonValue",
    "Member",
    "archive_members",
    "compact_json",
    "decode_json",
    "decode_xml",
    "find_records",
    "read_csv_rows",
    "readable",
    "shortened",
    "show_path",
    "source_text",
    "values_at",
    "walk_to_records",
]
