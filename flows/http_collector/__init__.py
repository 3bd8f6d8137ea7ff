"""COLLECT: sends planned requests and returns the responses. Only this folder calls the APIs.

Retries, deadlines, host limits, redirects, credentials and tokens are handled here.
"""

from flows.http_collector.attempt import Response
from flows.http_collector.collector import HttpCollector
from flows.http_collector.errors import CollectionError
from flows.http_collector.host_limits import host_of
from flows.http_collector.network_environment import check_environment, usable_environment

__all__ = [
    "CollectionError",
    "HttpCollector",
    "Response",
    "check_environment",
    "host_of",
    "usable_environment",
]
