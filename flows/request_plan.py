"""PLAN: which requests a run makes. Pure: no network, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flows.api_config import ApiConfig


@dataclass(frozen=True)
class CollectionRequest:
    """One request to make and the name its data will be stored under.

    Attributes:
        api: The API it belongs to, with its limits and auth references.
        url: Where to ask; no secret is in it.
        params: Query parameters added to those already in `url`.
        headers: Sent with the request; auth comes on top in the collector.
        stamp: The part of the object's name that tells runs (or days) apart.
    """

    api: ApiConfig
    url: str
    params: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    stamp: str

    @property
    def identity(self) -> tuple[str, str]:
        """What tells this request from the run's others."""
        return (self.api.name, self.stamp)


# webservices.iso-ne.com answers in XML unless JSON is asked for
_ACCEPT = {"json": "application/json"}


def plan_requests(apis: Iterable[ApiConfig], stamp: str) -> tuple[CollectionRequest, ...]:
    """One request for each API, all under the run's stamp (`YYYYMMDD_HHMMSS`, UTC)."""
    return tuple(
        CollectionRequest(
            api=api,
            url=api.url,
            params=tuple(api.params.items()),
            headers=tuple(_headers(api).items()),
            stamp=stamp,
        )
        for api in apis
    )


def _headers(api: ApiConfig) -> dict[str, str]:
    if any(name.casefold() == "accept" for name in api.headers):
        return dict(api.headers)
    return {"Accept": _ACCEPT[api.format], **api.headers}
