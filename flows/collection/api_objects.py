"""The objects of one collected API: CSV, Parquet, or the responses as they came."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, timedelta
from importlib.metadata import version

from flows.api_config import ApiConfig, Dates
from flows.collection.api_table import CollectedTable
from flows.http_collector import Response
from flows.object_store import (
    CSV_CONTENT_TYPE,
    StorableObject,
    csv_bytes,
    object_key,
    object_metadata,
    parquet_bytes,
)
from flows.request_plan import PlannedCollection, window_stamp

# each call of `version` searches for a file and reads it
_version = functools.cache(version)
_RAW_CONTENT_TYPES = {
    "json": "application/json",
    "csv": CSV_CONTENT_TYPE,
    "xml": "application/xml",
    "zip": "application/zip",
}
# the same responses must make the same bytes, by which a stored object is recognized
_ARCHIVE_DATE = (1980, 1, 1, 0, 0, 0)


def storable_objects(
    collection: PlannedCollection, collected: CollectedTable, run_id: str
) -> tuple[StorableObject, ...]:
    """The objects to store, one for each of the API's `outputs`; none where the table has no rows.

    An object of a window is named by the first of its units that has a row.
    """
    rows, columns = collected.table.frame.shape
    if not rows:
        return ()
    api, held = collection.api, collected.in_window.held
    stamp = window_stamp(held, (api.dates or Dates()).unit) if held else collection.stamp
    newest = max(response.collected_at for response in collected.responses)
    final_from = None
    if held and api.dates:
        final_from = held.end.astimezone(UTC) + timedelta(days=api.dates.settled_after_days)
    return tuple(
        StorableObject(
            object_key(api.output_folder, api.csv_prefix, stamp, extension),
            body,
            content_type,
            object_metadata(
                api_name=api.name,
                source_url=collected.responses[0].source_url,
                collected_at=newest,
                rows=rows,
                columns=columns,
                body=body,
                run_id=run_id,
                pipeline_version=_version("energy-pipeline"),
                window=(held.start, held.end) if held else None,
                without_rows=collected.in_window.without_rows,
                values=api.values,
            ),
            final_from,
        )
        for extension, content_type, body in _bodies(api, collected)
    )


def _bodies(api: ApiConfig, collected: CollectedTable) -> Iterator[tuple[str, str, bytes]]:
    for output in api.outputs:
        match output:
            case "csv":
                yield "csv", CSV_CONTENT_TYPE, csv_bytes(collected.table.frame)
            case "parquet":
                typed = collected.table.typed()
                yield "parquet", "application/vnd.apache.parquet", parquet_bytes(typed)
            case "raw":
                yield _raw(api, collected.responses)


def _raw(api: ApiConfig, responses: tuple[Response, ...]) -> tuple[str, str, bytes]:
    """The response byte for byte, or a ZIP archive where there are several."""
    if len(responses) == 1:
        return f"raw.{api.format}", _RAW_CONTENT_TYPES[api.format], responses[0].body
    archive = io.BytesIO()
    width = len(str(len(responses)))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as pages:
        for number, response in enumerate(responses, 1):
            name = f"page_{number:0{width}}.{api.format}"
            pages.writestr(zipfile.ZipInfo(name, _ARCHIVE_DATE), response.body, zipfile.ZIP_DEFLATED)
    return "raw.zip", _RAW_CONTENT_TYPES["zip"], archive.getvalue()
