"""The data endpoints of ISO New England's web services v1.1, and a search over them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

from flows.catalog.record_types import column_names

BASE_URL = "https://webservices.iso-ne.com/api/v1.1"
# words of paths that name a time, not a dataset
_TIME_WORDS = {"current", "day", "month", "year", "hour", "starthour", "season", "latest", "previous"}
_TEMPLATE = re.compile(r"\{(\w+)\}")
UNDESCRIBED = "?"


@dataclass(frozen=True)
class Endpoint:
    """One endpoint, from the service's published description.

    Attributes:
        path: The path with its parameters, e.g. `/genfuelmix/day/{day}`.
        response_schema: The name of the response's type; `?` if it is not described.
        summary: The service's own description.
    """

    path: str
    response_schema: str
    summary: str

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The expected columns of its table; () if they are not described."""
        return () if self.response_schema == UNDESCRIBED else column_names(self.response_schema)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters in its path."""
        return tuple(_TEMPLATE.findall(self.path))

    @property
    def root(self) -> str:
        """The dataset it belongs to: the first word of its path."""
        return self.path.split("/")[1]

    @property
    def qualifiers(self) -> tuple[str, ...]:
        """The words of its path after the root that name the data, e.g. `("da", "final")`."""
        words = self.path.split("/")[2:]
        return tuple(word for word in words if word not in _TIME_WORDS and not _TEMPLATE.fullmatch(word))

    def matches(self, path: str) -> bool:
        """Whether a path is this endpoint's, with values for its parameters."""
        pattern = "".join(
            "[^/]+" if _TEMPLATE.fullmatch(part) else re.escape(part)
            for part in re.split(r"(\{\w+\})", self.path)
        )
        return re.fullmatch(pattern, path) is not None


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """All data endpoints, ordered by path."""
    text = files("flows.catalog").joinpath("isone_endpoints.tsv").read_text(encoding="utf-8")
    return tuple(Endpoint(*line.split("\t")) for line in text.splitlines()[1:])


def search(words: Sequence[str]) -> tuple[Endpoint, ...]:
    """The endpoints in which every word occurs, ignoring case; matches in the path come first."""
    wanted = [word.casefold() for word in words]
    ranked: list[tuple[int, int, Endpoint]] = []
    for endpoint in endpoints():
        path = endpoint.path.casefold()
        all_text = " ".join((path, endpoint.response_schema, endpoint.summary, *endpoint.columns)).casefold()
        if all(word in all_text for word in wanted):
            ranked.append((sum(word not in path for word in wanted), len(ranked), endpoint))
    return tuple(endpoint for _, _, endpoint in sorted(ranked, key=lambda item: item[:2]))


def find_endpoint(path: str) -> Endpoint | None:
    """The endpoint of a path with parameters or values; of several, the one with the fewest parameters."""
    for endpoint in endpoints():
        if endpoint.path == path:
            return endpoint
    found = [endpoint for endpoint in endpoints() if endpoint.matches(path)]
    return min(found, key=lambda endpoint: len(endpoint.parameters), default=None)


def history_of(endpoint: Endpoint) -> Endpoint | None:
    """The endpoint with the past days, months or years of a `/current` endpoint, if there is one."""
    if "/current" not in endpoint.path:
        return None
    before, _, after = endpoint.path.partition("/current")
    if endpoint.response_schema.endswith(("Lmps", "Lmp")) and not after:
        # the /day/ endpoints return every node, /current only the hub, the zones and the external nodes
        return None
    # the /day/ path of the LMP of all nodes does not end in /all
    for rest in (after, "") if after == "/all" else (after,):
        for unit in ("day", "month", "year"):
            path = f"{before}/{unit}/{{{unit}}}{rest}"
            for other in endpoints():
                if other.path == path:
                    return other
    return None
