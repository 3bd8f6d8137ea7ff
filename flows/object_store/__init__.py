"""STORE: a table becomes bytes, a key, and an object in a bucket; no other folder accesses storage.

README.md in this folder describes keys, metadata, the rules against overwriting, and the spool.
"""

from flows.object_store.buckets import open_bucket
from flows.object_store.dated_objects import held_dates
from flows.object_store.errors import StorageError
from flows.object_store.listing import CsvOf, ListedObject
from flows.object_store.metadata import object_metadata, values_not_requested
from flows.object_store.objects import (
    CSV_CONTENT_TYPE,
    StorableObject,
    StoredObject,
    csv_bytes,
    object_key,
    parquet_bytes,
    run_stamp,
)
from flows.object_store.spool import Spool
from flows.object_store.spool_reports import DrainReport, KeptObjects, SpoolError, SpoolState
from flows.object_store.store import ObjectStore

__all__ = [
    "CSV_CONTENT_TYPE",
    "CsvOf",
    "DrainReport",
    "KeptObjects",
    "ListedObject",
    "ObjectStore",
    "Spool",
    "SpoolError",
    "SpoolState",
    "StorableObject",
    "StorageError",
    "StoredObject",
    "csv_bytes",
    "held_dates",
    "object_key",
    "object_metadata",
    "open_bucket",
    "parquet_bytes",
    "run_stamp",
    "values_not_requested",
]
