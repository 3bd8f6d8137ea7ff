"""dlt's rest_api source with its filesystem destination as CSV; runs in an environment of its own."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import dlt  # type: ignore[import-not-found]  # not a dependency of the project
from dlt.sources.rest_api import rest_api_source  # type: ignore[import-not-found]


def main() -> None:
    """Load every item of the job as a resource; all of them belong to one table."""
    job = json.loads(Path(sys.argv[1]).read_text())
    os.environ["DESTINATION__FILESYSTEM__BUCKET_URL"] = f"s3://{job['bucket']}/dlt"
    credentials = "DESTINATION__FILESYSTEM__CREDENTIALS__"
    os.environ[f"{credentials}AWS_ACCESS_KEY_ID"] = os.environ["AWS_ACCESS_KEY_ID"]
    os.environ[f"{credentials}AWS_SECRET_ACCESS_KEY"] = os.environ["AWS_SECRET_ACCESS_KEY"]
    os.environ[f"{credentials}ENDPOINT_URL"] = os.environ["AWS_ENDPOINT_URL_S3"]
    os.environ["NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION"] = "true"
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "benchmark", destination="filesystem", dataset_name="data", pipelines_dir=folder
        )
        pipeline.run(rest_api_source(_configuration(job)), loader_file_format="csv")


def _configuration(job: dict[str, Any]) -> dict[str, Any]:
    base = job["items"][0]["url"].rsplit("/", 2)[0]
    resources = [
        {
            "name": f"item_{number}",
            "table_name": job["table"],
            "endpoint": {
                "path": item["url"].removeprefix(base).lstrip("/"),
                "data_selector": job["selector"],
                "paginator": "single_page",
            },
            "parallelized": True,
        }
        for number, item in enumerate(job["items"])
    ]
    return {"client": {"base_url": base}, "resources": resources}


main()
