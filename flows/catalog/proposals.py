"""Proposes an entry of `api_config.json` for an endpoint's path or any URL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from flows.api_config import nearest_word
from flows.api_config.field_types import check_url
from flows.catalog.endpoints import BASE_URL, UNDESCRIBED, Endpoint, endpoints, find_endpoint, history_of

ISONE_HOST = "webservices.iso-ne.com"
_TIMEZONE = "America/New_York"
# the service's time parameters, with their unit and format
_TIMES = {"day": ("day", "%Y%m%d"), "month": ("month", "%Y%m"), "year": ("year", "%Y"), "sh": ("hour", "%H")}
_UNITS = ("hour", "day", "month", "year")
_HELD_BY = {
    "locationId": "a location's number: 4000 for the hub, 4001 to 4008 for the load zones, 32 for the system",
    "location": "a location's number: 4000 for the hub, 4001 to 4008 for the load zones",
    "locationType": 'a kind of location, e.g. "HUB" or "LOAD ZONE"',
    "loadZoneId": "a load zone's number, 4001 to 4008",
    "reserveZoneId": "a reserve zone's number, 7000 to 7003",
    "Type": '"prelim" or "final"; for FTR auctions "monthly" or "annual"',
    "cp": 'a commitment period, e.g. "2025-26"',
    "ara": '"ARA1", "ARA2" or "ARA3"',
}
_KEY_COLUMNS = {
    "ActualFifteenMinInterchanges": ("BeginDate", "Location_LocId"),
    "ActualInterchanges": ("BeginDate", "Location_LocId"),
    "CombinedHourlyDemands": ("BeginDate", "Location_LocId"),
    "ExternalFlows": ("BeginDate", "Location_LocId"),
    "FifteenMinLmps": ("BeginDate", "Location_LocId"),
    "FinalHourlyReservePrices": ("BeginDate", "ReserveZoneId"),
    "FiveMinLmps": ("BeginDate", "Location_LocId"),
    "FiveMinRcps": ("BeginDate",),
    "FiveMinReservePrices": ("BeginDate", "ReserveZoneId"),
    "FiveMinSystemLoad": ("BeginDate",),
    "FiveMinSystemLoads": ("BeginDate",),
    "GenFuelMixes": ("BeginDate", "FuelCategory"),
    "HourlyDaDemands": ("BeginDate", "Location_LocId"),
    "HourlyLmps": ("BeginDate", "Location_LocId"),
    "HourlyLoadForecast": ("BeginDate", "CreationDate"),
    "HourlyLoadForecasts": ("BeginDate", "CreationDate"),
    "HourlyLoadGenInterchanges": ("BeginDate",),
    "HourlyRcps": ("BeginDate",),
    "HourlyRtDemands": ("BeginDate", "Location_LocId"),
    "HourlySystemLoads": ("BeginDate", "Location_LocId"),
    "Locations": ("LocationID",),
    "PrelimHourlyReservePrices": ("BeginDate", "ReserveZoneId"),
    "ReliabilityRegionLoadForecasts": ("BeginDate", "CreationDate", "ReliabilityRegion"),
    "SingleSrcContingencyLimits": ("BeginDate", "InterfaceName"),
}
_WORDS = {
    "da": "day-ahead",
    "rt": "real-time",
    "prelim": "preliminary",
    "lmp": "LMP",
    "rcp": "RCP",
    "ncpc": "NCPC",
}


class ProposalError(ValueError):
    """No entry can be proposed; the message says why and what to do."""


@dataclass(frozen=True)
class Proposal:
    """An entry, and notes for the user."""

    entry: dict[str, Any]
    notes: tuple[str, ...] = ()


def propose_entry(path_or_url: str, values: Mapping[str, Sequence[str]] | None = None) -> Proposal:
    """An entry for an endpoint of ISO New England or for any other URL.

    Args:
        path_or_url: A path of the catalog with parameters or values, or an http(s) URL.
        values: Values of the path's parameters, times excepted.

    Raises:
        ProposalError: For an unknown path, or a parameter without a value.
    """
    text = path_or_url.strip()
    url = urlsplit(text)
    if url.scheme in {"http", "https"} and url.hostname != ISONE_HOST:
        try:
            check_url(text, allow_insecure=False)
        except ValueError as error:
            # the URL is not shown, since it may hold a secret
            raise ProposalError(f"the URL {error}") from None
        return Proposal(_entry_for_url(text))
    path = "/" + unquote(url.path).strip("/").removeprefix("api/v1.1").strip("/")
    path = re.sub(r"\.(json|xml)$", "", path)
    endpoint = find_endpoint(path)
    if endpoint is None:
        nearest = nearest_word(path, [known.path for known in endpoints()])
        advice = f"did you mean {nearest}?" if nearest else "`energy-pipeline catalog` lists the endpoints"
        raise ProposalError(f"ISO New England has no endpoint {path}: {advice}")
    return _proposal(endpoint, path, values or {})


def _proposal(endpoint: Endpoint, path: str, values: Mapping[str, Sequence[str]]) -> Proposal:
    given = {name: list(values[name]) for name in endpoint.parameters if name in values}
    literal = _literals(endpoint, path)
    unknown = sorted(set(values) - set(given))
    if unknown:
        known = ", ".join(name for name in endpoint.parameters if name not in _TIMES) or "none"
        raise ProposalError(f"{endpoint.path} has no parameter {unknown[0]}; it takes: {known}")
    history = history_of(endpoint)
    entry: dict[str, Any] = {
        "name": _name(endpoint, literal),
        "url": BASE_URL + _filled(endpoint, literal, given),
    }
    notes: list[str] = []
    times = [name for name in endpoint.parameters if name in _TIMES]
    if history:
        entry["history_url"] = BASE_URL + _filled(history, literal, given)
        times = [name for name in history.parameters if name in _TIMES]
    elif times:
        notes.append("each run asks for the current window, in New England time")
    parts = ("isone", endpoint.root, *endpoint.qualifiers, *literal.values())
    entry["output_folder"] = _slug("_".join(parts))
    entry["csv_prefix"] = _slug("_".join(parts[1:]))
    if times:
        unit = min((_TIMES[name][0] for name in times), key=_UNITS.index)
        entry["dates"] = {"unit": unit, "timezone": _TIMEZONE}
    if given:
        entry["values"] = given
    if endpoint.response_schema in _KEY_COLUMNS:
        entry["key_columns"] = list(_KEY_COLUMNS[endpoint.response_schema])
    if endpoint.response_schema == UNDESCRIBED:
        notes.append("the service does not describe this response: look at it with `energy-pipeline preview`")
    return Proposal(entry, tuple(notes))


def _literals(endpoint: Endpoint, path: str) -> dict[str, str]:
    """The values that a path has for parameters; times stay parameters."""
    found = {}
    for template, written in zip(endpoint.path.split("/"), path.split("/"), strict=True):
        name = template[1:-1]
        if template.startswith("{") and written != template and name not in _TIMES:
            found[name] = written
    return found


def _filled(endpoint: Endpoint, literal: Mapping[str, str], given: Mapping[str, Sequence[str]]) -> str:
    path = endpoint.path
    for name in endpoint.parameters:
        if name in _TIMES:
            replacement = f"{{start:{_TIMES[name][1]}}}"
        elif name in given:
            replacement = f"{{{name}}}"
        elif name in literal:
            replacement = quote(literal[name], safe="").replace("{", "{{").replace("}", "}}")
        else:
            held = _HELD_BY.get(name, "a value the service knows")
            raise ProposalError(f"{endpoint.path} needs {name}, {held}: give it with --value {name}=…")
        path = path.replace(f"{{{name}}}", replacement)
    return path


def _name(endpoint: Endpoint, literal: Mapping[str, str]) -> str:
    schema = endpoint.response_schema
    words = endpoint.root if schema == UNDESCRIBED else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", schema)
    qualifiers = [_WORDS.get(word, word) for word in (*endpoint.qualifiers, *literal.values())]
    title = " ".join(_WORDS.get(word.casefold().rstrip("s"), word) for word in words.split())
    return f"ISO-NE {title}" + (f", {' '.join(qualifiers)}" if qualifiers else "")


def _entry_for_url(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    hosts = [word for word in (parts.hostname or "").split(".")[:-1] if word not in {"www", "api"}]
    steps = [re.sub(r"\{.*?\}", "", unquote(step)) for step in parts.path.split("/")]
    words = [*hosts, *(step for step in steps if step and not re.fullmatch(r"v?[\d.]+|current", step))]
    slug = _slug("_".join(words)) or "api"
    form = next((name for name in ("csv", "xml", "zip") if parts.path.lower().endswith(f".{name}")), None)
    entry = {"name": slug.replace("_", " "), "url": url, "output_folder": slug, "csv_prefix": slug}
    return {**entry, "format": form} if form else entry


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")[:100]
