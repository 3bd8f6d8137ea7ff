"""The lower bound: fetch with httpx and put CSV bytes made beforehand with boto3, without any parsing."""

from __future__ import annotations

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import httpx


async def main() -> None:
    """Fetch every URL of the job and put the given CSV under its key."""
    job = json.loads(Path(sys.argv[1]).read_text())
    csv = Path(job["csv_file"]).read_bytes()
    s3 = boto3.client("s3")
    places = asyncio.Semaphore(job["concurrency"])
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(job["concurrency"]) as threads:
        async with httpx.AsyncClient(timeout=60) as client:

            async def fetch_and_put(url: str, key: str) -> None:
                async with places:
                    (await client.get(url)).raise_for_status()
                    await loop.run_in_executor(
                        threads, lambda: s3.put_object(Bucket=job["bucket"], Key=f"floor/{key}", Body=csv)
                    )

            await asyncio.gather(*(fetch_and_put(each["url"], each["key"]) for each in job["items"]))


asyncio.run(main())
