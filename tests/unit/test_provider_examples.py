"""The shipped examples, each against a service that behaves as its provider does."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jsonschema
import polars as pl
import pytest
from starlette.types import ASGIApp

from flows.api_config import ApiConfig, PipelineConfig, load_config, resolve_secrets
from flows.api_config.schema import config_schema
from flows.collection.api_table import CollectedTable, collect_table
from flows.http_collector import CollectionError, HttpCollector
from flows.request_plan import plan_collections
from flows.sandbox.loopback_server import LoopbackServer
from tests.conftest import REPOSITORY
from tests.providers import caiso, eia, entsoe, ercot, faults, nyiso, open_meteo, pjm
from tests.providers.faults import FaultScript

EXAMPLES = REPOSITORY / "flows" / "examples"
KEY = "sandbox-key-4711"
# the day of 25 hours in America, an ordinary one, and the day of 23
LONG_DAY, DAY = datetime(2024, 11, 3, 15, tzinfo=UTC), datetime(2024, 6, 1, 15, tzinfo=UTC)
SHORT_DAY = datetime(2024, 3, 10, 15, tzinfo=UTC)
_KEYS = ("EIA_API_KEY", "PJM_API_KEY", "ERCOT_SUBSCRIPTION_KEY", "ENTSOE_API_TOKEN", "ERCOT_PASSWORD")
ENVIRONMENT = {**dict.fromkeys(_KEYS, KEY), "ERCOT_USERNAME": "me@example.com"}
Change = Callable[[dict[str, Any]], None]


def no_change(_: dict[str, Any]) -> None:
    """The example as it is shipped."""


@contextmanager
def example(
    name: str, app: ASGIApp, origins: list[str], folder: Path, change: Change = no_change
) -> Iterator[tuple[ApiConfig, ...]]:
    """The APIs of an example, with the provider's origins moved to this machine."""
    with LoopbackServer(app) as server:
        text = (EXAMPLES / f"{name}.json").read_text(encoding="utf-8")
        for origin in origins:
            assert origin in text
            text = text.replace(origin, server.base_url)
        document = json.loads(text)
        for entry in [document.get("defaults", {}), *document["apis"]]:
            change(entry)
            # politeness towards the real provider only takes time here
            entry.pop("requests_per_second", None)
        file = folder / f"{name}.json"
        file.write_text(json.dumps(document))
        yield load_config(file).apis


def collect(api: ApiConfig, now: datetime = DAY, environment: dict[str, str] = ENVIRONMENT) -> CollectedTable:
    config = PipelineConfig(Path("example.json"), (api,), ("$.apis[0]",))
    secrets = resolve_secrets(config, [api], environment, lambda _: {})
    (collection,) = plan_collections([api], "20240101_000000", now)
    with HttpCollector([api], secrets, lambda _: None) as collector:
        collected = collect_table(collection, collector)
    frame = collected.table.frame
    in_window = collected.in_window
    assert (in_window.refusal, in_window.outside, in_window.unchecked) == (None, None, None)
    if api.key_columns and frame.height:
        assert frame.select(pl.struct(api.key_columns).n_unique()).item() == frame.height
    return collected


def failure_of(api: ApiConfig, **options: Any) -> str:
    with pytest.raises(CollectionError) as raised:
        collect(api, **options)
    assert KEY not in str(raised.value)
    return str(raised.value)


def wrong(*names: str) -> dict[str, str]:
    return ENVIRONMENT | dict.fromkeys(names, "wrong-key-4712")


def test_every_example_is_valid_as_shipped_and_named_in_the_readme() -> None:
    readme = (REPOSITORY / "flows" / "api_config" / "README.md").read_text(encoding="utf-8")
    schema = jsonschema.Draft202012Validator(config_schema())
    files = sorted(EXAMPLES.glob("*.json"))
    assert len(files) == 7
    assert [file.name for file in files if f"| `{file.name}` |" not in readme] == []
    invalid = {file.name: list(schema.iter_errors(json.loads(file.read_text("utf-8")))) for file in files}
    assert {name: errors for name, errors in invalid.items() if errors} == {}
    apis = [api for file in files for api in load_config(file).apis]
    impolite = [api.name for api in apis if not (api.dates and api.requests_per_second)]
    assert impolite == []
    assert [api.name for api in apis if not api.url.startswith("https://")] == []


class TestEia:
    def test_all_pages_arrive_though_each_holds_fewer_rows_than_asked_for(self, tmp_path: Path) -> None:
        script = FaultScript()
        script.add("*", faults.status(429, Retry_After="0"))
        app = eia.create_eia_api(KEY, script, max_rows=7)
        with example("eia", app, [eia.ORIGIN], tmp_path) as (api,):
            collected = collect(api)
        start = datetime(2024, 6, 1, tzinfo=UTC)
        expected = eia.demand_rows(start, start + timedelta(hours=23), "ISNE")
        assert collected.table.frame.rows(named=True) == expected
        # hours of the day before or after would be collected twice, since its end is included
        assert {row["period"][:10] for row in expected} == {"2024-06-01"}
        assert collected.table.frame.height == 24
        asked = [parse_qs(request.query)["offset"] for request in script.requests]
        assert asked == [["0"], ["0"], ["7"], ["14"], ["21"]]
        assert all("api_key" not in payload.source_url for payload in collected.responses)

    def test_a_wrong_key_and_an_error_in_a_200_are_reported_with_its_message(self, tmp_path: Path) -> None:
        def other_frequency(entry: dict[str, Any]) -> None:
            if "params" in entry:
                entry["params"]["frequency"] = "hurly"

        app = eia.create_eia_api(KEY)
        with example("eia", app, [eia.ORIGIN], tmp_path) as (api,):
            said = failure_of(api, environment=wrong("EIA_API_KEY"))
            assert "An invalid api_key was supplied: ***" in said
        with example("eia", app, [eia.ORIGIN], tmp_path, other_frequency) as (api,):
            assert "Invalid frequency. The options are: hourly." in failure_of(api)


class TestNyiso:
    @pytest.mark.parametrize(("now", "hours"), [(DAY, 24), (LONG_DAY, 25), (SHORT_DAY, 23)])
    def test_files_of_a_day_keep_their_text_and_all_their_hours(
        self, tmp_path: Path, now: datetime, hours: int
    ) -> None:
        app = nyiso.create_nyiso_files(last_day=datetime(2025, 1, 1, tzinfo=nyiso.EASTERN))
        with example("nyiso", app, [nyiso.ORIGIN], tmp_path) as (load, prices):
            load_table, price_table = collect(load, now).table, collect(prices, now).table
        day = now.astimezone(nyiso.EASTERN)
        assert [list(row) for row in load_table.frame.rows()] == rows_of(nyiso.load_csv(day))
        assert [list(row) for row in price_table.frame.rows()] == rows_of(nyiso.price_csv(day))
        assert price_table.frame["Time Stamp"].len() == 3 * hours
        assert price_table.typed().schema["LBMP ($/MWHr)"] == pl.Float64

    def test_a_day_that_is_not_there_yet_is_no_rows(self, tmp_path: Path) -> None:
        app = nyiso.create_nyiso_files(last_day=datetime(2024, 5, 31, tzinfo=nyiso.EASTERN))
        with example("nyiso", app, [nyiso.ORIGIN], tmp_path) as apis:
            assert [collect(api).table.frame.height for api in apis] == [0, 0]


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


class TestCaiso:
    START = datetime(2024, 1, 1, tzinfo=UTC)

    def test_the_csv_in_the_archive_is_the_table(self, tmp_path: Path) -> None:
        with example("caiso", caiso.create_caiso_oasis(self.START), [caiso.ORIGIN], tmp_path) as (api,):
            frame = collect(api, LONG_DAY).table.frame
        begin = datetime(2024, 11, 3, 7, tzinfo=UTC)
        nodes = ["TH_NP15_GEN-APND", "TH_SP15_GEN-APND", "TH_ZP26_GEN-APND"]
        expected = caiso.price_csv(begin, begin + timedelta(hours=25), nodes)
        assert [list(row) for row in frame.rows()] == rows_of(expected)
        assert frame.height == 25 * 3 * 5

    def test_its_error_xml_in_a_200_is_a_failure_and_its_no_data_is_not(self, tmp_path: Path) -> None:
        def other_query(entry: dict[str, Any]) -> None:
            if "params" in entry:
                entry["params"]["queryname"] = "PRC_LPM"

        app = caiso.create_caiso_oasis(self.START)
        with example("caiso", app, [caiso.ORIGIN], tmp_path, other_query) as (api,):
            assert failure_of(api).endswith("returned an error: Invalid query name")
        with example("caiso", app, [caiso.ORIGIN], tmp_path) as (api,):
            assert collect(api, datetime(2023, 6, 1, 15, tzinfo=UTC)).table.frame.height == 0

    def test_too_many_requests_are_retried_and_then_reported(self, tmp_path: Path) -> None:
        script = FaultScript()
        app = caiso.create_caiso_oasis(self.START, script, requests_allowed=0)
        with example("caiso", app, [caiso.ORIGIN], tmp_path) as (api,):
            assert "HTTP 429" in failure_of(api)
        assert len(script.requests) == 4


class TestPjm:
    def test_rows_are_counted_from_one_to_the_total(self, tmp_path: Path) -> None:
        script = FaultScript()
        app = pjm.create_pjm_api(KEY, script, max_rows=10)
        with example("pjm", app, [pjm.ORIGIN], tmp_path) as (api,):
            frame = collect(api, LONG_DAY).table.frame
        assert frame.rows(named=True) == pjm.price_rows(LONG_DAY)
        assert frame.height == 25 * 3
        assert len(script.requests) == 8
        starts = [parse_qs(request.query)["startRow"] for request in script.requests]
        assert starts == [[str(first)] for first in range(1, 76, 10)]
        assert {request.headers["ocp-apim-subscription-key"] for request in script.requests} == {KEY}

    def test_a_wrong_key_and_a_wrong_range_are_reported(self, tmp_path: Path) -> None:
        def other_range(entry: dict[str, Any]) -> None:
            if "params" in entry:
                entry["params"]["datetime_beginning_ept"] = "Today"

        app = pjm.create_pjm_api(KEY)
        with example("pjm", app, [pjm.ORIGIN], tmp_path) as (api,):
            said = failure_of(api, environment=wrong("PJM_API_KEY"))
            assert "HTTP 401" in said
            assert "Access denied due to invalid subscription key" in said
        with example("pjm", app, [pjm.ORIGIN], tmp_path, other_range) as (api,):
            assert "Invalid date range" in failure_of(api)


class TestErcot:
    ORIGINS = (ercot.ORIGIN, ercot.TOKEN_ORIGIN)

    def service(self, max_rows: int = 10_000) -> ercot.ErcotService:
        return ercot.ErcotService(ENVIRONMENT["ERCOT_USERNAME"], KEY, KEY, max_rows)

    def test_one_token_and_the_key_open_every_page(self, tmp_path: Path) -> None:
        service = self.service(max_rows=7)
        script = FaultScript()
        with example("ercot", service.app(script), [*self.ORIGINS], tmp_path) as (load, prices):
            loads = collect(load, LONG_DAY).table.frame
            assert service.grants == 1
            price_frame = collect(prices).table.frame
        assert [list(row) for row in loads.rows()] == ercot.load_rows(LONG_DAY)
        assert [list(row) for row in price_frame.rows()] == ercot.price_rows(DAY)
        assert loads["DSTFlag"].sum() == 1
        asked = script.requests_to("/api/*")
        assert len(asked) == 4 + 11
        assert all(request.headers["ocp-apim-subscription-key"] == KEY for request in asked)

    def test_a_token_that_is_no_longer_good_is_renewed(self, tmp_path: Path) -> None:
        service = self.service(max_rows=7)

        class Withdrawing(FaultScript):
            def arrival(self, seen: Any) -> Any:
                if parse_qs(seen.query).get("page") == ["2"]:
                    service.good_tokens.discard("sandbox-id-token-1")
                return super().arrival(seen)

        with example("ercot", service.app(Withdrawing()), [*self.ORIGINS], tmp_path) as (load, _):
            assert collect(load).table.frame.height == 24
        assert service.grants == 2

    @pytest.mark.parametrize(
        ("names", "said"),
        [
            (["ERCOT_PASSWORD"], "no token was given"),
            (["ERCOT_SUBSCRIPTION_KEY"], "Access denied due to invalid subscription key"),
        ],
    )
    def test_each_of_the_two_credentials_is_needed(self, tmp_path: Path, names: list[str], said: str) -> None:
        with example("ercot", self.service().app(), [*self.ORIGINS], tmp_path) as (load, _):
            assert said in failure_of(load, environment=wrong(*names))

    def test_an_error_in_a_200_and_its_throttle(self, tmp_path: Path) -> None:
        def other_date(entry: dict[str, Any]) -> None:
            if "params" in entry:
                entry["params"] = dict.fromkeys(entry["params"], "2024-13-01")

        script = FaultScript()
        script.add("/api/*", faults.status(429, b'{"error_key":"throttled","message":"slow down"}'), times=1)
        with example("ercot", self.service().app(script), [*self.ORIGINS], tmp_path) as (load, _):
            assert collect(load).table.frame.height == 24
        with example("ercot", self.service().app(), [*self.ORIGINS], tmp_path, other_date) as (load, _):
            assert "returned an error: Invalid date: 2024-13-01" in failure_of(load)


class TestEntsoe:
    FIRST = datetime(2024, 1, 1, tzinfo=UTC)

    def test_points_of_periods_are_rows(self, tmp_path: Path) -> None:
        app = entsoe.create_entsoe_api(KEY, self.FIRST)
        # in Brussels clocks go back a week before they do in America
        now = datetime(2024, 10, 27, 15, tzinfo=UTC)
        with example("entsoe", app, [entsoe.ORIGIN], tmp_path) as (prices, load):
            table, load_frame = collect(prices, now).table, collect(load, now).table.frame
        begin = datetime(2024, 10, 26, 22, tzinfo=UTC)
        expected = entsoe.points(begin, begin + timedelta(hours=25))
        typed = table.typed()
        columns = ["Period_Point_position", "Period_Point_price.amount"]
        assert typed.select(columns).rows() == expected
        assert table.frame["Period_timeInterval_start"].unique().to_list() == ["2024-10-26T22:00Z"]
        assert table.frame["in_Domain.mRID_codingScheme"].unique().to_list() == ["A01"]
        assert load_frame["Period_Point_quantity"].to_list() == [str(amount) for _, amount in expected]

    def test_acknowledgements_are_no_data_or_errors(self, tmp_path: Path) -> None:
        def other_document(entry: dict[str, Any]) -> None:
            if "documentType" in entry.get("params", {}):
                entry["params"]["documentType"] = "A99"

        app = entsoe.create_entsoe_api(KEY, self.FIRST)
        with example("entsoe", app, [entsoe.ORIGIN], tmp_path) as apis:
            before = datetime(2023, 6, 1, tzinfo=UTC)
            assert [collect(api, before).table.frame.height for api in apis] == [0, 0]
            assert "HTTP 401" in failure_of(apis[0], environment=wrong("ENTSOE_API_TOKEN"))
        with example("entsoe", app, [entsoe.ORIGIN], tmp_path, other_document) as apis:
            assert "The combination of [DocumentType=A99] is not valid" in failure_of(apis[0])

    def test_an_error_with_the_code_of_no_data_is_a_failure(self, tmp_path: Path) -> None:
        app = entsoe.create_entsoe_api(KEY, self.FIRST, max_instances=20)
        with example("entsoe", app, [entsoe.ORIGIN], tmp_path) as apis:
            for api in apis:
                assert "The number of instances (24) exceeds the allowed maximum (20)" in failure_of(api)


def test_the_readme_tells_no_data_from_errors_as_the_example_does() -> None:
    readme = (REPOSITORY / "flows" / "api_config" / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("## Errors and missing data")[2].partition("```json\n")[2].partition("```")[0]
    conditions = json.loads(shown)
    defaults = json.loads((EXAMPLES / "entsoe.json").read_text(encoding="utf-8"))["defaults"]
    assert conditions == {name: defaults[name] for name in conditions}


class TestOpenMeteo:
    def test_lists_side_by_side_are_columns(self, tmp_path: Path) -> None:
        with example("open_meteo", open_meteo.create_open_meteo_api(), [open_meteo.ORIGIN], tmp_path) as (
            api,
        ):
            frame = collect(api).table.frame
        start = datetime(2024, 6, 1, tzinfo=UTC)
        variables = api.params["hourly"].split(",")
        expected = open_meteo.hourly_lists(start, start + timedelta(days=1), variables)
        assert frame.to_dict(as_series=False) == expected
        assert frame.height == 24

    @pytest.mark.parametrize("status", [400, 200])
    def test_its_reason_is_reported_whatever_the_status(self, tmp_path: Path, status: int) -> None:
        def other_variable(entry: dict[str, Any]) -> None:
            if "params" in entry:
                entry["params"]["hourly"] = "temprature"

        app = open_meteo.create_open_meteo_api(error_status=status)
        with example("open_meteo", app, [open_meteo.ORIGIN], tmp_path, other_variable) as (api,):
            assert "Cannot initialize WeatherVariable from 'temprature'" in failure_of(api)
