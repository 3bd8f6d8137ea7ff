"""Payloads to tabulate: an LMP day, and the same sort of data in every other shape."""

from __future__ import annotations

import io
import json
import random
import zipfile
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import msgspec

from flows.sandbox.isone_operations import fuel_mix, morning_report, seven_day_forecast
from flows.sandbox.isone_prices import hourly_lmps, locations
from flows.sandbox.isone_xml import as_xml

_DAY = date(2024, 6, 1)


@dataclass(frozen=True)
class Shape:
    """A payload and the layout that tabulates it."""

    name: str
    body: bytes = field(repr=False)
    layout: dict[str, Any] = field(default_factory=dict)


def lmp_day() -> Shape:
    """Hourly LMP of 1,200 locations: 28,800 rows."""
    return Shape("LMP day", msgspec.json.encode(_lmps()))


def other_shapes() -> list[Shape]:
    """The shapes that other datasets and other providers have."""
    records = _lmps()["HourlyLmps"]["HourlyLmp"][:10_000]
    flat = [
        {"time": record["BeginDate"], "node": record["Location"]["$"], "lmp": record["LmpTotal"],
         "energy": record["EnergyComponent"], "loss": record["LossComponent"]}
        for record in records
    ]  # fmt: skip
    names = list(flat[0])
    rows = [list(record.values()) for record in flat]
    csv = "\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]).encode()
    rng = random.Random(1)
    gaps = [
        {key: value for key, value in record.items() if key == "time" or rng.random() < 0.9}
        for record in flat
    ]
    mixed = [{**record, "loss": rng.choice([1, 0.5, "n/a", None])} for record in flat]
    texts = [{**record, "note": f'line "{number}"\nnext, é'} for number, record in enumerate(flat)]
    days = [_DAY + timedelta(days=number) for number in range(300)]
    forecasts = [record for day in days for record in seven_day_forecast(day)]
    reports = [record for day in days for record in morning_report(day)]
    encode = msgspec.json.encode
    lists = {name: [record[name] for record in flat] for name in names}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("prices.csv", csv)
    return [
        Shape("fuel mix day", encode({"GenFuelMixes": {"GenFuelMix": fuel_mix(_DAY)}})),
        Shape("300 forecasts, exploded", encode({"SevenDayForecasts": {"SevenDayForecast": forecasts}})),
        Shape("300 morning reports, lists kept", encode({"MorningReports": {"MorningReport": reports}})),
        Shape("records with missing keys", encode({"data": gaps})),
        Shape("a column of numbers and texts", encode({"data": mixed})),
        Shape("texts with escapes", json.dumps({"data": texts}).encode()),
        Shape("a wrapper beside the records", encode({"total": 1, "data": flat}), {"records": ["data"]}),
        Shape("header and rows", encode({"fields": names, "data": rows}),
              {"columns_from": ["fields"], "rows_from": ["data"]}),
        Shape("columnar", encode({"hourly": lists}),
              {"columnar": ["hourly"]}),
        Shape("CSV", csv, {"format": "csv"}),
        Shape("ZIP of CSV", archive.getvalue(), {"format": "zip"}),
        Shape("XML", as_xml({"HourlyLmps": {"HourlyLmp": records}}), {"format": "xml"}),
    ]  # fmt: skip


def _lmps() -> dict[str, Any]:
    return {"HourlyLmps": {"HourlyLmp": hourly_lmps(_DAY, "da/final", locations())}}
