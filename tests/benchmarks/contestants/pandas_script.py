"""A sequential script with requests, pandas and boto3; runs in an environment of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import boto3
import pandas as pd  # type: ignore[import-untyped]  # not a dependency of the project
import requests


def main() -> None:
    """Fetch, flatten and put every item of the job, one after the other."""
    job = json.loads(Path(sys.argv[1]).read_text())
    s3 = boto3.client("s3")
    session = requests.Session()
    for item in job["items"]:
        document = session.get(item["url"], timeout=60).json()
        (wrapper,) = document.values()
        (records,) = wrapper.values()
        csv = pd.json_normalize(records, sep="_").to_csv(index=False)
        s3.put_object(Bucket=job["bucket"], Key=f"pandas/{item['key']}", Body=csv.encode())


main()
