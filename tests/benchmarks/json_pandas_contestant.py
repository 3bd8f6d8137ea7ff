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
        # once unmeasured, as for the others
        tabulated(body)
        begun = time.process_time()
        csv = tabulated(body)
        seconds = time.process_time() - begun
        print(json.dumps({"cpu_seconds": seconds, "bytes": len(csv)}), flush=True)


def tabulated(body: bytes) -> bytes:
    """The payload as CSV."""
    records = json.loads(body)["HourlyLmps"]["HourlyLmp"]
    csv: str = pd.json_normalize(records, sep="_").to_csv(index=False)
    return csv.encode()


if __name__ == "__main__":
    main()
