"""COLLECT: a planned request becomes a payload. The only door to the network."""

from flows.http_collector.collector import HttpCollector, Response
from flows.http_collector.host_limits import host_of
from flows.http_collector.responses import CollectionError

__all__ = ["CollectionError", "HttpCollector", "Response", "host_of"]
