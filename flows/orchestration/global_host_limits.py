"""Limits of a host that hold across processes: Prefect's global concurrency limits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from urllib.parse import urlsplit

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.concurrency.sync import concurrency, rate_limit
from prefect.exceptions import ObjectNotFound, PrefectException

from flows.api_config import ApiConfig
from flows.http_collector import host_of

logger = logging.getLogger(__name__)


def shared_places(apis: Iterable[ApiConfig]) -> Callable[[str], AbstractContextManager[None]] | None:
    """Context managers that hold a slot of the global concurrency limit with a host's name.

    The limit may have the name of the host (`webservices.iso-ne.com`) or of the host with its port. With a
    slot decay it bounds requests per second, without one concurrent requests. The limits are looked
    up once, since a limit costs a request to Prefect for each request to the API.

    Returns:
        A function from a host (`name:port`) to its context manager; None where no host has a limit.
    """
    limits = {host: _limits_of(host) for host in {host_of(api) for api in apis}}
    if not any(limits.values()):
        return None
    for host, names in limits.items():
        if names:
            logger.info("requests to %s keep to Prefect's limit %s", host, ", ".join(map(str, names)))
    return lambda host: _place(limits[host]) if limits.get(host) else nullcontext()


@contextmanager
def _place(limits: list[GlobalConcurrencyLimitResponse]) -> Iterator[None]:
    for limit in limits:
        if limit.slot_decay_per_second:
            rate_limit(limit.name, occupy=1)
    held = [limit.name for limit in limits if not limit.slot_decay_per_second]
    with concurrency(held, raise_on_lease_renewal_failure=False) if held else nullcontext():
        yield


def _limits_of(host: str) -> list[GlobalConcurrencyLimitResponse]:
    names = dict.fromkeys((host, urlsplit(f"//{host}").hostname or host))
    found = []
    with get_client(sync_client=True) as client:
        for name in names:
            try:
                limit = client.read_global_concurrency_limit_by_name(name)
            except ObjectNotFound:
                continue
            except (httpx.HTTPError, PrefectException) as error:
                logger.warning("Prefect could not be asked for a limit of %s: %s", name, error)
                continue
            if limit.active:
                found.append(limit)
    return found
