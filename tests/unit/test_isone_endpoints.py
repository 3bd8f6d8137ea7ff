"""Responses of every data endpoint of ISO New England are tabulated without loss."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from flows.api_config import load_config
from flows.catalog import endpoints, propose_entry
from flows.catalog.endpoints import UNDESCRIBED
from flows.catalog.record_types import ListOf, Record, RecordType, response_type
from flows.tabulation import Layout, Part, tabulate
from tests.conftest import REPOSITORY

SCHEMAS = sorted({endpoint.response_schema for endpoint in endpoints()} - {UNDESCRIBED})
DESCRIBED = {schema: kind for schema in SCHEMAS if (kind := response_type(schema)) is not None}
# not described by the service; their shapes are those that clients of it are known to read
UNDESCRIBED_SHAPES: dict[str, Any] = {
    "fiveminuteestimatedzonalload": {"five_min_estimated_zonal_loads": {"five_min_estimated_zonal_load": [
        {"interval_begin_date": "t1", "load_zone_id": 4001, "load_zone_name": "n1", "estimated_load_mw": 1.5},
        {"interval_begin_date": "t2", "load_zone_id": 4002, "estimated_btm_pv_mw": 2.5}]}},
    "daasreservedata": {"day_ahead_reserves": {"day_ahead_reserve": [
        {"market_hour": {"local_day": "d1", "local_hour_end": "01"}, "ten_min_spin_req_mw": 1},
        {"market_hour": {"local_day": "d2", "local_hour_end": "02X"}, "ten_min_spin_req_mw": 2}]}},
    "daasstrikeprices": {"day_ahead_strike_prices": {"day_ahead_strike_price": {
        "market_hour": {"local_day": "d3"}, "strike_price": 31.5, "percentile_25_rt_hub_lmp": -3.5}}},
    "hbdaasenergyoffer": {"offer_publishing": {"day_ahead_ancillary_services": {"daas_gen_offer_data": [
        {"market_hour": {"local_day": "d4"}, "masked_asset_id": 11}, {"masked_asset_id": 12}]}}},
}  # fmt: skip


class Values:
    """Values that are all different, so that each can be looked for by itself."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1000)

    def of(self, kind: str) -> Any:
        number = next(self._numbers)
        if kind == "int":
            return number
        if kind == "num":
            return number + 0.25
        return f"v{number}"


def built(kind: RecordType, values: Values, *, items: int, with_optional: bool, as_list: bool) -> Any:
    """A value of a type: lists of `items` items, or one item alone as an object."""
    options: Any = {"items": items, "with_optional": with_optional, "as_list": as_list}
    if isinstance(kind, ListOf):
        if not as_list and items == 1:
            return built(kind.item, values, **options)
        return [built(kind.item, values, **options) for _ in range(items)]
    if isinstance(kind, Record):
        return {
            key: built(inner, values, **options)
            for key, inner in kind.fields.items()
            # lists are wanted here, though the description calls each of them optional
            if with_optional or key not in kind.optional or isinstance(inner, ListOf)
        }
    return values.of(kind.kind)


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif value not in (None, ""):
        yield json.dumps(value).strip('"')


def lost_of(document: Any, at_least_rows: int) -> list[str]:
    """What of a document its table does not hold."""
    frame = tabulate([Part(json.dumps(document).encode())], Layout()).frame
    cells = Counter[str]()
    for series in frame:
        for cell in series.drop_nulls().to_list():
            # a list that stays in its column is JSON text: every value in it counts
            nested = isinstance(cell, str) and cell.startswith(("[", "{"))
            cells.update(leaves(json.loads(cell)) if nested else [json.dumps(cell).strip('"')])
    missing = [leaf for leaf in leaves(document) if leaf not in cells and f"{leaf}.0" not in cells]
    if frame.height < at_least_rows:
        missing.append(f"{frame.height} of {at_least_rows} rows")
    return missing


def records_key(kind: RecordType) -> RecordType:
    """The type of the records within the wrappers of a response."""
    while isinstance(kind, Record) and len(kind.fields) == 1:
        (kind,) = kind.fields.values()
    return kind.item if isinstance(kind, ListOf) else kind


def test_responses_of_every_described_type_keep_all_their_values() -> None:
    # named by the service, which describes no such type
    assert [schema for schema in SCHEMAS if response_type(schema) is None] == ["SeasonalPeakHoursData"]
    offenders = []
    for schema, kind in DESCRIBED.items():
        for items, with_optional, as_list in itertools.product((1, 3), (True, False), (True, False)):
            document = built(kind, Values(), items=items, with_optional=with_optional, as_list=as_list)
            # where every field is optional, a record may be nothing at all
            lost = lost_of(document, at_least_rows=1 if any(leaves(document)) else 0)
            if lost:
                offenders.append((schema, items, with_optional, as_list, lost))
    assert not offenders


def test_records_with_and_without_optional_fields_and_lists_stand_side_by_side() -> None:
    offenders = []
    for schema, kind in DESCRIBED.items():
        assert isinstance(kind, Record)
        record = records_key(kind)
        values = Values()
        variants = [
            built(record, values, items=items, with_optional=with_optional, as_list=True)
            for items in (2, 1, 0)
            for with_optional in (True, False)
        ]
        nothings: list[Any] = ["", {}, None]
        for empty in nothings:
            emptied = built(record, values, items=0, with_optional=True, as_list=True)
            variants.append(_with_lists_as(emptied, empty))
        lost = lost_of({schema: {"Inner": variants}}, at_least_rows=len(variants))
        if lost:
            offenders.append((schema, lost))
    assert not offenders


def _with_lists_as(value: Any, empty: Any) -> Any:
    if value == []:
        return empty
    return (
        {key: _with_lists_as(inner, empty) for key, inner in value.items()}
        if isinstance(value, dict)
        else value
    )


def test_no_records_are_no_rows() -> None:
    nothings: list[Any] = ["", {}, [], None]
    pairs = itertools.product(SCHEMAS, nothings)
    documents = [
        document
        for schema, nothing in pairs
        for document in ({schema: nothing}, {schema: {"Inner": nothing}}, {})
    ]
    assert not [
        document
        for document in documents
        if tabulate([Part(json.dumps(document).encode())], Layout()).frame.shape != (0, 0)
    ]


def test_the_newer_family_has_one_more_wrapper() -> None:
    undescribed = {endpoint.root for endpoint in endpoints() if endpoint.response_schema == UNDESCRIBED}
    assert undescribed >= UNDESCRIBED_SHAPES.keys()
    lost = {
        root: lost_of({"isone_web_services": shape}, at_least_rows=1)
        for root, shape in UNDESCRIBED_SHAPES.items()
    }
    assert not {root: found for root, found in lost.items() if found}


def test_every_endpoint_has_an_entry_that_validates(tmp_path: Any) -> None:
    entries = []
    for number, endpoint in enumerate(endpoints()):
        values = {
            name: ["1", "x y"] for name in endpoint.parameters if name not in {"day", "month", "year", "sh"}
        }
        entry = propose_entry(endpoint.path, values).entry
        entries.append({**entry, "name": f"{number} {entry['name']}", "csv_prefix": f"p{number}"})
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"apis": entries}))
    apis = load_config(file).apis
    assert len(apis) == len(endpoints()) > 300
    current = [api for api in apis if api.url.endswith("/current")]
    assert sum(api.history_url is not None for api in current) > len(current) / 2


def test_the_shipped_list_is_the_services_own_without_service_information() -> None:
    shared = REPOSITORY.parent / "shared" / "isone" / "endpoints.tsv"
    if not shared.is_file():
        pytest.skip(f"the service's description is not on this machine ({shared})")
    lines = [line.split("\t") for line in shared.read_text().splitlines()[1:]]
    expected = {
        path for path, schema, summary in lines
        if not path.endswith("/info") and summary != "Default resource" and schema != "ServiceInfo"
    }  # fmt: skip
    assert {endpoint.path for endpoint in endpoints()} == expected
