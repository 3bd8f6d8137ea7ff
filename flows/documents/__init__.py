"""READ: payload bytes to trees and rows, as their format says; pure."""

from flows.documents.errors import PayloadError, show_path
from flows.documents.json_document import (
    DecimalText,
    IntegerText,
    JsonValue,
    compact_json,
    decode_json,
    source_text,
)
from flows.documents.record_search import find_records, values_at, walk_to_records

__all__ = [
    "DecimalText",
    "IntegerText",
    "JsonValue",
    "PayloadError",
    "compact_json",
    "decode_json",
    "find_records",
    "show_path",
    "source_text",
    "values_at",
    "walk_to_records",
]
