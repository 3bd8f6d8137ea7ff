"""Synthetic fuel mix, 7-day forecast and morning report, structured like the ISO's (MW, degrees F)."""

from __future__ import annotations

import math
import random
from datetime import date, datetime, timedelta
from typing import Any

from flows.sandbox.isone_calendar import dice, market_hours, midnight, timestamp

_TIES = ("Highgate", "NB", "NYISO AC", "NYISO CSC", "NYISO NNC", "Phase 2")
_CITIES = ("Boston", "Hartford")
# category, rollup, mean MW, swing MW
_FUELS = (
    ("Hydro", "Hydro", 1400, 500),
    ("Natural Gas", "Natural Gas", 6800, 2400),
    ("Nuclear", "Nuclear", 3340, 10),
    ("Oil", "Oil", 40, 60),
    ("Other", "Other", 8, 6),
    ("Landfill Gas", "Renewables", 30, 6),
    ("Refuse", "Renewables", 310, 20),
    ("Solar", "Renewables", 0, 700),
    ("Wind", "Renewables", 450, 400),
    ("Wood", "Renewables", 240, 60),
)


def peak_load(day: date) -> int:
    """The peak load of a day, MW: highest in summer, high in winter, lower at weekends."""
    season = math.cos(4 * math.pi * (day.timetuple().tm_yday - 20) / 365)
    weekday = 0 if day.weekday() < 5 else -1200
    return round(16500 + 1800 * season + weekday + dice("load", day).randint(-600, 600))


def fuel_mix(day: date) -> list[dict[str, Any]]:
    """A day's generation by fuel, at irregular times about five minutes apart; idle fuels are absent."""
    rng = dice("fuel mix", day)
    moment = market_hours(day)[0] + timedelta(seconds=rng.randint(14, 300))
    # steps in UTC: local arithmetic would repeat or skip an hour when the offset changes
    end = midnight(day + timedelta(days=1))
    records: list[dict[str, Any]] = []
    while moment.timestamp() < end.timestamp():
        records += _fuels_at(moment, rng)
        moment = datetime.fromtimestamp(moment.timestamp() + rng.randint(270, 420), moment.tzinfo)
    return records


def latest_fuel_mix(now: datetime) -> list[dict[str, Any]]:
    """The newest fuel mix published before an Eastern time."""
    records = fuel_mix(now.date())
    published = [record for record in records if datetime.fromisoformat(record["BeginDate"]) <= now]
    newest = (published or records)[-1 if published else 0]["BeginDate"]
    return [record for record in records if record["BeginDate"] == newest]


def _fuels_at(moment: datetime, rng: random.Random) -> list[dict[str, Any]]:
    records = []
    for category, rollup, mean, swing in _FUELS:
        daylight = max(0.0, math.sin((moment.hour + moment.minute / 60 - 6) * math.pi / 12))
        course = daylight if category == "Solar" else math.sin((moment.hour - 9) * math.pi / 12)
        megawatts = round(mean + swing * course * rng.uniform(0.85, 1.0))
        if megawatts > 0:
            records.append(
                {
                    "BeginDate": timestamp(moment),
                    "GenMw": megawatts,
                    "FuelCategoryRollup": rollup,
                    "FuelCategory": category,
                    "MarginalFlag": "Y" if category == "Natural Gas" or rng.random() < 0.1 else "N",
                }
            )
    return records


def seven_day_forecast(issued_on: date) -> list[dict[str, Any]]:
    """The forecast issued on a day; despite its name it holds six market days, numbered 2 to 7."""
    created = midnight(issued_on) + timedelta(hours=9, minutes=33, seconds=49, milliseconds=344)
    return [
        {
            "BeginDate": timestamp(midnight(issued_on)),
            "CreationDate": timestamp(created),
            "MarketDay": [_market_day(issued_on, number) for number in range(2, 8)],
        }
    ]


def _market_day(issued_on: date, number: int) -> dict[str, Any]:
    day = issued_on + timedelta(days=number - 1)
    rng = dice("forecast", day)
    obligation, outages, delisted, imports = 30280, rng.randint(900, 3200), 2169, rng.randint(2400, 3600)
    available, load, reserve, replacement = obligation - outages - delisted, peak_load(day), 2303, 180
    requirement = load + reserve + replacement
    return {
        "@Day": str(number),
        "MarketDate": timestamp(midnight(day)),
        "CsoMw": obligation,
        "ColdWeatherOutagesMw": 0,
        "OtherGenOutagesMw": outages,
        "DelistMw": delisted,
        "TotAvailGenMw": available,
        "PeakImportMw": imports,
        "TotAvailGenImportMw": available + imports,
        "PeakLoadMw": load,
        "ReplReserveReqMw": replacement,
        "ReqdReserveMw": reserve,
        "ReqdReserveInclReplMw": reserve + replacement,
        "TotLoadPlusReqdReserveMw": requirement,
        "DrrMw": rng.randint(100, 400),
        "SurplusDeficiencyMw": available + imports - requirement,
        "PowerWatch": "N",
        "PowerWarn": "N",
        "ColdWeatherWatch": "N",
        "ColdWeatherWarn": "N",
        "ColdWeatherEvent": "N",
        "Weather": {
            "CityWeather": [
                {"CityName": city, "HighTempF": rng.randint(20, 90), "DewPointF": rng.randint(5, 70)}
                for city in _CITIES
            ]
        },
    }


def morning_report(day: date) -> list[dict[str, Any]]:
    """The morning report of a day: one record with three lists of records."""
    rng = dice("morning report", day)
    load, yesterday = peak_load(day), day - timedelta(days=1)
    outages, first_contingency = rng.randint(800, 2600), rng.randint(1200, 1700)
    flows = {tie: rng.randint(-1300, 220) for tie in _TIES}
    available, required = load + 4200 - outages, load + 2642
    return [
        {
            "ReportType": "Final",
            "BeginDate": timestamp(midnight(day)),
            "CreationDate": timestamp(
                midnight(day) + timedelta(hours=8, minutes=14, seconds=51, milliseconds=97)
            ),
            "PeakLoadYesterdayHour": timestamp(midnight(yesterday).replace(hour=18)),
            "PeakLoadYesterdayMw": peak_load(yesterday),
            "CsoMw": 30280,
            "CapAdditionsMw": 2027,
            "GenOutagesReductionMW": outages,
            "UncommittedAvailGenMw": rng.randint(8000, 15000),
            "DRRCapacityMw": rng.randint(200, 600),
            "NetCapDeliveryMw": sum(flows.values()),
            "TieDelivery": [{"TieName": tie, "TieFlowMw": flow} for tie, flow in flows.items()],
            "TotAvailCapMw": available,
            "PeakLoadTodayHour": timestamp(midnight(day).replace(hour=18)),
            "PeakLoadTodayMw": load,
            "TotalOperReserveReqMw": 2642,
            "CapRequiredMw": required,
            "SurplusDeficiencyMw": available - required,
            "ReplReserveRequiredMw": 180,
            "LargestFirstContMw": first_contingency,
            "AmsPeakLoadExpMw": load + 3500,
            "TenMinReserveReqMw": round(first_contingency * 1.2),
            "TenMinReserveEstMw": round(first_contingency * 1.2) + 40,
            "ThirtyMinReserveReqMw": 686,
            "ThirtyMinReserveEstMw": 2318,
            "ExpActOp4Mw": 0,
            "AddlCapAvailOp4ActMw": 0,
            "InterchangeDetail": [
                {"TieName": tie, "ImportLimitInMw": -1400, "ExportLimitOutMw": 1200, "ScheduledMw": flow}
                for tie, flow in flows.items()
            ],
            "CityForecastDetail": [
                {
                    "CityName": city,
                    "HighTemperature": rng.randint(20, 90),
                    "WeatherConditions": rng.choice(("Mostly Cloudy", "Mostly Clear", "Rain, then clearing")),
                    "WindDirSpeed": f"NW-{rng.randint(3, 25)}",
                }
                for city in _CITIES
            ],
            "UnitCommMinOrrCount": 0,
            "UnitCommMinOrrMw": 0,
        }
    ]
