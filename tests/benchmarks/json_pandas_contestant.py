"""What a script with json and pandas does to each shape; run by the benchmark in its own environment."""

from __future__ import annotations

import io
import json
import sys
import time
from typing import Any

import pandas as pd  # type: ignore[import-untyped]  # not a dependency of the project


def main() -> None:
    """Read the shapes, then tabulate one for each line on stdin and print the CPU seconds it took."""
    stream = sys.stdin.buffer
    shapes: dict[str, tuple[bytes, dict[str, Any]]] = {}
    for _ in range(int(stream.readline())):
        header = json.loads(stream.readline())
        shapes[header["name"]] = (stream.read(header["bytes"]), header["layout"])
    for line in stream:
        body, layout = shapes[json.loads(line)]
        # once unmeasured, as for the others
        tabulated(body, layout)
        begun = time.process_time()
        csv = tabulated(body, layout)
        seconds = time.process_time() - begun
        print(json.dumps({"cpu_seconds": seconds, "bytes": len(csv)}), flush=True)


def tabulated(body: bytes, layout: dict[str, Any]) -> bytes:
    """The body as CSV."""
    csv: str = frame_of(body, layout).to_csv(index=False)
    return csv.encode()


def frame_of(body: bytes, layout: dict[str, Any]) -> Any:
    """The body as a data frame, as pandas' documentation shows it for each format."""
    match layout.get("format", "json"):
        case "csv":
            return pd.read_csv(io.BytesIO(body))
        case "zip":
            return pd.read_csv(io.BytesIO(body), compression="zip")
        case "xml":
            return pd.read_xml(io.BytesIO(body), parser="etree")
    document = json.loads(body)
    if "columnar" in layout:
        return pd.DataFrame(at(document, layout["columnar"]))
    if "rows_from" in layout:
        return pd.DataFrame(at(document, layout["rows_from"]), columns=at(document, layout["columns_from"]))
    while "records" not in layout and isinstance(document, dict):
        (document,) = document.values()
    records = at(document, layout.get("records", []))
    lists = [key for key, value in records[0].items() if isinstance(value, list)]
    if len(lists) == 1:
        meta = [key for key in records[0] if key not in lists]
        return pd.json_normalize(records, lists, meta, record_prefix=f"{lists[0]}_", sep="_")
    frame = pd.json_normalize(records, sep="_")
    for key in lists:
        frame[key] = frame[key].map(json.dumps)
    return frame


def at(document: Any, path: list[str]) -> Any:
    """What stands at a path."""
    for key in path:
        document = document[key]
    return document


if __name__ == "__main__":
    main()
