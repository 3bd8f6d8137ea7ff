"""Synthetic hourly LMPs, structured like the ISO's and the same for a day in every process."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Any

from flows.sandbox.isone_calendar import dice, market_hours, timestamp

_HUB_AND_ZONES = (
    ".H.INTERNAL_HUB",
    ".Z.MAINE",
    ".Z.NEWHAMPSHIRE",
    ".Z.VERMONT",
    ".Z.CONNECTICUT",
    ".Z.RHODEISLAND",
    ".Z.SEMASS",
    ".Z.WCMASS",
    ".Z.NEMASSBOST",
)
_EXTERNAL_NODES = {
    4010: ".I.SALBRYNB345 1",
    4011: ".I.ROSETON 345 1",
    4012: ".I.HQ_P1_P2345 5",
    4013: ".I.HQHIGATE120 2",
    4014: ".I.SHOREHAM138 99",
    4017: ".I.NRTHPORT138 5",
    4018: ".I.HQMRL_RD345 1",
}
_NETWORK_NODES = 1184


@lru_cache(maxsize=1)
def locations() -> tuple[dict[str, str], ...]:
    """All 1,200 pricing locations as `Location` objects; their attributes are strings, as in the API."""
    named = [
        {"@LocId": str(4000 + index), "@LocType": "LOAD ZONE" if index else "HUB", "$": name}
        for index, name in enumerate(_HUB_AND_ZONES)
    ]
    named += [
        {"@LocId": str(number), "@LocType": "EXT. NODE", "$": name}
        for number, name in _EXTERNAL_NODES.items()
    ]
    letters = random.Random("network nodes")  # noqa: S311 - plausible names, not secrets
    for index in range(_NETWORK_NODES):
        station = "".join(letters.choices("ABCDEFGHIKLMNOPRSTUVW", k=letters.randint(4, 8)))
        voltage = letters.choice(("13.8", "23", "34.5", "115", "345"))
        # the API pads names to a fixed width; the spaces are part of the name
        name = (
            f"{'LD' if index % 3 else 'UN'}.{station:<8}{voltage:<4}{letters.choice(('', 'AA', 'CC', 'BTU'))}"
        )
        named.append({"@LocId": str(320 + index), "@LocType": "NETWORK NODE", "$": name})
    return tuple(named)


def system_locations() -> tuple[dict[str, str], ...]:
    """The hub, the load zones and the external nodes, which `current` without `/all` returns."""
    return locations()[: len(_HUB_AND_ZONES) + len(_EXTERNAL_NODES)]


def hourly_lmps(
    day: date, dataset: str, at: Iterable[dict[str, str]], hour: int | None = None
) -> list[dict[str, Any]]:
    """The LMPs ($/MWh) of each hour of a day at the given locations.

    Args:
        day: The market day.
        dataset: `da/final`, `rt/final` or `rt/prelim`; each has prices of its own.
        at: The locations.
        hour: Only the hours that begin at this local hour; on an autumn day there may be two.
    """
    rng = dice(f"lmp {dataset}", day)
    level = rng.randint(2500, 6500) + 1500 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 20) / 365)
    records = []
    for begin in market_hours(day):
        evening_peak = math.exp(-((begin.hour - 18) ** 2) / 8)
        energy = round(level * (0.75 + 0.25 * math.sin((begin.hour - 6) * math.pi / 12) + 0.5 * evening_peak))
        is_congested = rng.random() < 0.4
        if hour is not None and begin.hour != hour:
            continue
        text = timestamp(begin)
        for location in at:
            number = int(location["@LocId"])
            loss = round(energy * ((number * 7919) % 101 - 50) / 2000)
            congestion = ((number * 104_729) % 401 - 250) if is_congested and number % 4 == 0 else 0
            records.append(
                {
                    "BeginDate": text,
                    "Location": location,
                    "LmpTotal": _dollars(energy + congestion + loss),
                    "EnergyComponent": _dollars(energy),
                    "CongestionComponent": _dollars(congestion),
                    "LossComponent": _dollars(loss),
                }
            )
    return records


def _dollars(cents: int) -> float | int:
    """An amount in dollars; whole amounts are integers in the API's JSON."""
    return cents / 100 if cents % 100 else cents // 100
