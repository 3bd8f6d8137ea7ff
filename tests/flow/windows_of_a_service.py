"""Collects windows of an API whose responses a test gives, and stores them, without Prefect."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from flows.api_config import ApiConfig, ResolvedSecrets
from flows.collection.api_collector import ApiCollector
from flows.collection.missing_dates import dates_to_collect
from flows.http_collector import HttpCollector
from flows.object_store import ObjectStore, Spool
from flows.request_plan import plan_collections, plan_window
from flows.run_report import ApiOutcome
from flows.sandbox.loopback_server import LoopbackServer
from flows.sandbox.s3_server import EmbeddedS3

Respond = Callable[[Mapping[str, str]], Response]
DAY = date(2024, 1, 5)


class Windows:
    """The windows of one API, collected from responses that a test sets.

    Args:
        url: The address of the service.
        store: The bucket.
        spool: The spool's folder.
    """

    def __init__(self, url: str, store: ObjectStore, spool: Path) -> None:
        self.url = url
        self.store = store
        self.spool = Spool(spool, 10**9)
        self.respond: Respond = lambda _query: Response(status_code=500)
        self.requests: list[dict[str, str]] = []

    def api(self, **options: Any) -> ApiConfig:
        """A daily API in UTC, with some of its keys."""
        entry = {
            "name": "Load",
            "url": f"{self.url}/load",
            "output_folder": "load",
            "csv_prefix": "load",
            "params": {"day": "{start:%Y-%m-%d}"},
            "dates": {"unit": "day", "timezone": "UTC"},
        }
        return ApiConfig.model_validate({**entry, **options})

    def collect(
        self, api: ApiConfig, first: date = DAY, last: date = DAY, **options: bool
    ) -> list[ApiOutcome]:
        """Collect the missing windows of some days, as one run."""
        now = datetime.now(UTC)
        missing = dates_to_collect(api, first, last, now, self.store, **options)
        with self._collector(api) as collector:
            return [
                collector.attempt(plan_window(api, window, now), may_retry=False)
                for window in missing.windows
            ]

    def run(self, api: ApiConfig, stamp: str = "20261128_120000") -> ApiOutcome:
        """Collect the current data, as one run."""
        (collection,) = plan_collections([api], stamp, datetime.now(UTC))
        with self._collector(api) as collector:
            return collector.attempt(collection, may_retry=False)

    @contextmanager
    def _collector(self, api: ApiConfig) -> Iterator[ApiCollector]:
        with (
            HttpCollector([api], ResolvedSecrets()) as http,
            closing(ApiCollector("a-run", http, self.store, self.spool)) as collector,
        ):
            yield collector


def json_response(value: object) -> Response:
    """A response of JSON."""
    return Response(json.dumps(value), media_type="application/json")


def hours_of(query: Mapping[str, str], mw: int = 5) -> Response:
    """A row for each hour of the day that was asked for."""
    return json_response([{"t": f"{query['day']}T{hour:02}:00:00Z", "mw": mw + hour} for hour in range(24)])


def objects_in(s3: EmbeddedS3, bucket: str) -> dict[str, bytes]:
    """The objects of a bucket, by key."""
    client = s3.client()
    listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        entry["Key"]: client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in listed
    }


@contextmanager
def windows_of_a_service(store: ObjectStore, spool: Path) -> Iterator[Windows]:
    """A service on a loopback address, and the windows that are collected from it."""
    with LoopbackServer(_app(lambda: windows)) as server:
        windows = Windows(server.base_url, store, spool)
        yield windows


def _app(windows: Callable[[], Windows]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        query = dict(Request(scope, receive).query_params)
        windows().requests.append(query)
        await windows().respond(query)(scope, receive, send)

    return app
