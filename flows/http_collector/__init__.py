"""COLLECT: sends planned requests and returns the responses. Only this folder calls the APIs.

Retries, deadlines, host limits, redirects, credentials and tokens are handled here.
"""

from flows.http_collector.collector import HttpCollector
from flows.http_collector.errors import CollectionError
from flows.http_collector.host_limits import host_of
from flows.http_collector.response import Response

__all__ = [
    "CollectionError",
    "HttpCollector",
    "Response",
    "host_of",
]
