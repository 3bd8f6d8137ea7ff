"""Looks up the last object of an API, with which its next table is compared."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from flows.api_config import ApiConfig
from flows.data_checks import HEAD_BYTES, StoredShape, csv_shape
from flows.object_store import CsvOf, ObjectStore, StorageError, held_dates
from flows.request_plan import PlannedCollection

# few, since they compete with the tasks for the interpreter: a run of 200 small APIs is slower with 16
_LOOKUPS_AT_ONCE = 4


@dataclass(frozen=True)
class LastObject:
    """The start of an object in the bucket, and its user metadata."""

    head: bytes
    metadata: dict[str, str]

    def shape(self, time_columns: Sequence[str] = (), zone: ZoneInfo | None = None) -> StoredShape | None:
        """The shape of the object; None where its header cannot be read."""
        rows = self.metadata.get("rows", "")
        shape = csv_shape(self.head, int(rows) if rows.isdecimal() else None, time_columns, zone)
        held = held_dates(self.metadata)
        return replace(shape, length=held.end - held.start) if shape and held else shape


Lookup = Future[LastObject | None]
"""A look-up of an API's last object, which runs while the API is being requested."""


class LastObjects:
    """The shapes of the last objects of the APIs of one run, for several threads.

    A window is compared with the one before it in its series, since the newest object may be years away. The
    first window of a series is compared with the newest object of a window, where it is recent. A run is
    compared with the newest object of a run.

    Args:
        store: The bucket, with the objects of earlier runs.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._shapes: dict[tuple[str, str], StoredShape] = {}
        self._threads = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, "last-objects")
        self._lock = threading.Lock()

    def look_up(self, collection: PlannedCollection) -> Lookup | None:
        """Start to look up the last object while the API is being requested; None where it is not needed."""
        if not is_compared(collection.api) or self._known(collection):
            return None
        if collection.window and not all(request.may_be_unpublished for request in collection.requests):
            return None
        return self._threads.submit(self._newest, collection.api, "windows" if collection.window else "runs")

    def close(self) -> None:
        """Start no further look-up."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def shape(
        self,
        collection: PlannedCollection,
        lookup: Lookup | None,
        time_columns: Sequence[str] = (),
        zone: ZoneInfo | None = None,
    ) -> StoredShape | None:
        """The shape of the window before, or else of the object that was looked up.

        Raises:
            StorageError: It could not be read.
        """
        known = self._known(collection)
        if known or lookup is None:
            return known
        try:
            found = lookup.result()
        except CancelledError:
            # the run is being ended
            return None
        return found.shape(time_columns, zone) if found else None

    def remember(self, collection: PlannedCollection, shape: StoredShape) -> None:
        """Compare the next window of the series with this one."""
        with self._lock:
            self._shapes[collection.api.name, collection.series] = shape

    def earlier_columns(self, collection: PlannedCollection, lookup: Lookup | None) -> Collection[str] | None:
        """The columns of the last object, of a run or a window; None where there is none to be read."""
        try:
            shape = self.shape(collection, lookup)
            for kind in ("windows", "runs"):
                if shape is None and (newest := self._newest(collection.api, kind)):
                    shape = newest.shape()
        except StorageError:
            return None
        return shape.columns if shape else None

    def _known(self, collection: PlannedCollection) -> StoredShape | None:
        with self._lock:
            return self._shapes.get((collection.api.name, collection.series))

    def _newest(self, api: ApiConfig, kind: CsvOf) -> LastObject | None:
        newest = self._store.latest(api.output_folder, api.csv_prefix, kind)
        return LastObject(*self._store.read_start(newest.key, HEAD_BYTES)) if newest else None


def is_compared(api: ApiConfig) -> bool:
    """Whether the tables of an API are compared with its last object."""
    return "csv" in api.outputs and api.checks.compares
