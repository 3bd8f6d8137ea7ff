"""The endpoints of ISO New England's web services v1.1 that hold data, and a search over them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

from flows.catalog.record_types import column_names

BASE_URL = "https://webservices.iso-ne.com/api/v1.1"
# words of paths that are about which data, not what data
_TIME_WORDS = {"current", "day", "month", "year", "hour", "starthour", "season", "latest", "previous"}
_TEMPLATE = re.compile(r"\{(\w+)\}")
UNDESCRIBED = "?"


@dataclass(frozen=True)
class Endpoint:
    """One endpoint, as the service's published description has it.

    Attributes:
        path: With its parameters, e.g. `/genfuelmix/day/{day}`.
        response_schema: The name of the reply's type; `?` where it is not described.
        summary: What it gives, in the service's words.
    """

    path: str
    response_schema: str
    summary: str

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns to be expected in its table; () where they are not described."""
        return () if self.response_schema == UNDESCRIBED else column_names(self.response_schema)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in braces in its path."""
        return tuple(_TEMPLATE.findall(self.path))

    @property
    def root(self) -> str:
        """The dataset it belongs to: the first word of its path."""
        return self.path.split("/")[1]

    @property
    def qualifiers(self) -> tuple[str, ...]:
        """The words of its path after the root that say what data it holds, e.g. `("da", "final")`."""
        words = self.path.split("/")[2:]
        return tuple(word for word in words if word not in _TIME_WORDS and not _TEMPLATE.fullmatch(word))

    def matches(self, path: str) -> bool:
        """Whether a path is this one with values in place of its parameters."""
        pattern = "".join(
            "[^/]+" if _TEMPLATE.fullmatch(part) else re.escape(part)
            for part in re.split(r"(\{\w+\})", self.path)
        )
        return re.fullmatch(pattern, path) is not None


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """All endpoints that hold data, by path; not those of service information."""
    text = files("flows.catalog").joinpath("isone_endpoints.tsv").read_text(encoding="utf-8")
    return tuple(Endpoint(*line.split("\t")) for line in text.splitlines()[1:])


def search(words: Sequence[str]) -> tuple[Endpoint, ...]:
    """The endpoints in which every word occurs, case ignored; those with it in their path come first."""
    wanted = [word.casefold() for word in words]
    ranked: list[tuple[int, int, Endpoint]] = []
    for endpoint in endpoints():
        path = endpoint.path.casefold()
        all_text = " ".join((path, endpoint.response_schema, endpoint.summary, *endpoint.columns)).casefold()
        if all(word in all_text for word in wanted):
            ranked.append((sum(word not in path for word in wanted), len(ranked), endpoint))
    return tuple(endpoint for _, _, endpoint in sorted(ranked, key=lambda item: item[:2]))


def find_endpoint(path: str) -> Endpoint | None:
    """The endpoint of a path, written as its template or with values; the most literal one of several."""
    for endpoint in endpoints():
        if endpoint.path == path:
            return endpoint
    found = [endpoint for endpoint in endpoints() if endpoint.matches(path)]
    return min(found, key=lambda endpoint: len(endpoint.parameters), default=None)


def history_of(endpoint: Endpoint) -> Endpoint | None:
    """The endpoint that holds, for a day, month or year, what a `/current` one holds for now."""
    if "/current" not in endpoint.path:
        return None
    before, _, after = endpoint.path.partition("/current")
    if endpoint.response_schema.endswith(("Lmps", "Lmp")) and not after:
        # for a day these hold every node, for now only the hub, the zones and the external nodes
        return None
    # a day's LMP of all nodes has no "all" in its path
    for rest in (after, "") if after == "/all" else (after,):
        for unit in ("day", "month", "year"):
            path = f"{before}/{unit}/{{{unit}}}{rest}"
            for other in endpoints():
                if other.path == path:
                    return other
    return None
