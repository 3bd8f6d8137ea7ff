"""A plain Prefect flow: one mapped task fetches with httpx, writes CSV with polars and puts it with boto3."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import httpx
import polars as pl
from prefect import flow, task, unmapped
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner

http = httpx.Client(timeout=60)
s3 = boto3.client("s3")


@task(retries=2, cache_policy=NO_CACHE)
def collect(item: dict[str, str], bucket: str) -> None:
    """Fetch the URL of one item and put its records as CSV."""
    document = http.get(item["url"]).raise_for_status().json()
    (wrapper,) = document.values()
    (records,) = wrapper.values()
    csv = pl.json_normalize(records, separator="_").write_csv()
    s3.put_object(Bucket=bucket, Key=f"bare-prefect/{item['key']}", Body=csv.encode())


@flow(name="bare")
def bare(items: list[dict[str, str]], bucket: str) -> None:
    """Map the task over all items and fail where one of them failed."""
    futures = collect.map(items, unmapped(bucket))
    wait(futures)
    for future in futures:
        future.result()


def main() -> None:
    """Run the flow on the job's items."""
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    runner = partial(ThreadPoolTaskRunner, max_workers=job["concurrency"])
    bare.with_options(task_runner=runner())(job["items"], job["bucket"])  # type: ignore[arg-type]


main()
