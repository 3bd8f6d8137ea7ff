"""What a script with json and pandas does to an LMP day; run by the benchmark in its own environment."""

from __future__ import annotations

import json
import sys
import time

import pandas as pd  # type: ignore[import-untyped]  # not a dependency of the project


def main() -> None:
    """Read a payload, then tabulate it once for each line on stdin and say what that took."""
    stream = sys.stdin.buffer
    body = stream.read(int(stream.readline()))
    while stream.readline():
        begun = time.process_time()
        records = json.loads(body)["HourlyLmps"]["HourlyLmp"]
        csv = pd.json_normalize(records, sep="_").to_csv(index=False).encode()
        seconds = time.process_time() - begun
        print(json.dumps({"cpu_seconds": seconds, "bytes": len(csv)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
