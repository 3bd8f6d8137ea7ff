"""The embedded API answers as ISO New England's does."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.sandbox.isone_api import BASE_PATH
from flows.sandbox.loopback_server import LoopbackServer
from tests.conftest import PASSWORD, USERNAME, IsoneSandbox, eventually
from tests.providers import faults
from tests.providers.faults import Fault, FaultScript
from tests.providers.isone import create_faulty_isone_api


@pytest.fixture
def client(isone: IsoneSandbox) -> Iterator[httpx.Client]:
    headers = {"Accept": "application/json"}
    with httpx.Client(base_url=isone.url, auth=(USERNAME, PASSWORD), headers=headers, timeout=30) as opened:
        yield opened


def records(client: httpx.Client, resource: str) -> list[dict[str, Any]]:
    ((_, wrapper),) = client.get(resource).json().items()
    ((_, found),) = wrapper.items()
    assert isinstance(found, list)
    return found


def test_a_stranger_gets_401_and_html_even_when_asking_for_json(isone: IsoneSandbox) -> None:
    for resource in ("genfuelmix/current", "no/such/thing"):
        reply = httpx.get(f"{isone.url}/{resource}", headers={"Accept": "application/json"})
        assert reply.status_code == 401
        assert reply.headers["WWW-Authenticate"].startswith("Basic")
        assert reply.headers["Content-Type"] == "text/html;charset=utf-8"
    assert not any(seen.is_authorised for seen in isone.faults.requests)


def test_xml_is_sent_unless_json_is_asked_for(isone: IsoneSandbox, client: httpx.Client) -> None:
    plain = client.get("hourlylmp/da/final/current", headers={"Accept": "*/*"})
    assert plain.headers["Content-Type"] == "application/xml"
    first = ET.fromstring(plain.content)[0].find("Location")
    assert first is not None
    assert (first.get("LocId"), first.text) == ("4000", ".H.INTERNAL_HUB")
    by_suffix = client.get("hourlylmp/da/final/current.json", headers={"Accept": "*/*"})
    assert by_suffix.headers["Content-Type"] == "application/json"
    assert by_suffix.json() == client.get("hourlylmp/da/final/current").json()


def test_replies_are_compressed_where_that_is_accepted(client: httpx.Client) -> None:
    zipped = client.get("genfuelmix/day/20240101")
    plain = client.get("genfuelmix/day/20240101", headers={"Accept-Encoding": "identity"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert zipped.content == plain.content
    assert "ETag" not in plain.headers


@pytest.mark.parametrize(
    ("resource", "status"),
    [("genfuelmix/day/20241399", 400), ("genfuelmix/yesterday", 404), ("nothing", 404)],
)
def test_what_is_not_there_is_an_error_with_html(client: httpx.Client, resource: str, status: int) -> None:
    reply = client.get(resource)
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, "text/html;charset=utf-8")


def test_a_day_not_yet_published_is_an_empty_wrapper(client: httpx.Client) -> None:
    assert client.get("hourlylmp/da/final/day/20991231").json() == {"HourlyLmps": ""}
    assert client.get("genfuelmix/day/20991231").json() == {"GenFuelMixes": ""}


@pytest.mark.parametrize(
    ("day", "hours"),
    [("20240310", 23), ("20241103", 25), ("20240601", 24), ("20191103", 25), ("20190310", 23)],
)
def test_a_day_has_the_hours_of_its_clock_each_with_its_offset(
    client: httpx.Client, day: str, hours: int
) -> None:
    resource = f"hourlylmp/da/final/day/{day}/location/4001"
    starts = [record["BeginDate"] for record in records(client, resource)]
    assert len(starts) == len(set(starts)) == hours
    moments = [datetime.fromisoformat(start) for start in starts]
    assert {(after - before).total_seconds() for before, after in itertools.pairwise(moments)} == {3600}
    assert starts[0].startswith(f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00")


def test_a_day_of_lmps_holds_all_locations_and_its_parts_add_up(client: httpx.Client) -> None:
    found = records(client, "hourlylmp/da/final/day/20240601")
    assert len(found) == 24 * 1200
    assert len({record["Location"]["@LocId"] for record in found}) == 1200
    for record in found:
        parts = record["EnergyComponent"] + record["CongestionComponent"] + record["LossComponent"]
        assert round(record["LmpTotal"] * 100) == round(parts * 100)
    # the real service mixes them too, which a reader must not trip over
    assert {type(record["CongestionComponent"]) for record in found} == {int, float}


def test_the_same_question_has_the_same_answer_in_every_process(client: httpx.Client) -> None:
    script = (
        "import sys, hashlib; from datetime import datetime;"
        "from flows.sandbox.isone_api import _body; from flows.sandbox.isone_calendar import EASTERN;"
        "print(hashlib.sha256(_body(sys.argv[1], True, datetime.now(EASTERN))).hexdigest())"
    )
    for resource in (
        "hourlylmp/rt/final/day/20240310",
        "genfuelmix/day/20240310",
        "morningreport/day/20240310",
    ):
        digests = {
            subprocess.run(
                [sys.executable, "-c", script, resource], capture_output=True, text=True, check=True
            ).stdout
            for _ in range(2)
        }
        assert len(digests) == 1, resource


def shape_of(value: Any) -> Any:
    """The kinds of a JSON value's parts; a number is one kind, since fields mix its two."""
    if isinstance(value, dict):
        return {key: shape_of(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape_of(value[0])] if value else []
    return (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    )


def common(ours: Any, recorded: Any) -> tuple[Any, Any]:
    """Both shapes without the fields that only one has: optional fields come and go."""
    if isinstance(ours, dict) and isinstance(recorded, dict):
        pairs = {key: common(ours[key], recorded[key]) for key in ours if key in recorded}
        return {key: pair[0] for key, pair in pairs.items()}, {key: pair[1] for key, pair in pairs.items()}
    if isinstance(ours, list) and isinstance(recorded, list) and ours and recorded:
        inner = common(ours[0], recorded[0])
        return [inner[0]], [inner[1]]
    return ours, recorded


@pytest.mark.parametrize(
    ("resource", "recording", "min_fields"),
    [
        ("sevendayforecast/current", "sevendayforecast_current__pyiso.json", 3),
        ("morningreport/current", "morningreport_current__pyiso.json", 25),
        ("genfuelmix/current", "genfuelmix_current.json", 5),
        ("hourlylmp/da/final/current", "hourlylmp_da_final_day_hour__fragment.json", 6),
        ("genfuelmix/info", "genfuelmix_info.json", 2),
    ],
)
def test_shapes_are_those_of_recorded_replies(
    client: httpx.Client, recorded_payloads: Path, resource: str, recording: str, min_fields: int
) -> None:
    recorded = json.loads((recorded_payloads / recording).read_text(encoding="utf-8"))
    ours, theirs = common(shape_of(client.get(resource).json()), shape_of(recorded))
    assert ours == theirs
    innermost = ours
    while isinstance(innermost, list) or len(innermost) == 1:
        innermost = innermost[0] if isinstance(innermost, list) else next(iter(innermost.values()))
    assert len(innermost) >= min_fields


def test_the_seven_day_forecast_holds_six_market_days(client: httpx.Client) -> None:
    (forecast,) = records(client, "sevendayforecast/day/20240309")
    assert [day["@Day"] for day in forecast["MarketDay"]] == ["2", "3", "4", "5", "6", "7"]
    # the clocks change between the first and the second of them
    assert [day["MarketDate"][-6:] for day in forecast["MarketDay"]][:3] == ["-05:00", "-04:00", "-04:00"]


def test_each_fault_is_what_a_client_sees(isone: IsoneSandbox, client: httpx.Client) -> None:
    resource, pattern = "genfuelmix/current", "/genfuelmix/*"
    whole = client.get(resource).content
    isone.faults.add(pattern, faults.status(429, Retry_After="3"))
    reply = client.get(resource)
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "3")
    isone.faults.add(pattern, faults.html_page())
    assert client.get(resource).text.startswith("<!DOCTYPE html>")
    isone.faults.add(pattern, Fault("truncated-json"))
    assert client.get(resource).content == whole[: len(whole) // 2]
    isone.faults.add(pattern, Fault("no-rows"))
    assert client.get(resource).json() == {"GenFuelMixes": ""}
    for kind in ("truncated-transfer", "reset"):
        isone.faults.add(pattern, Fault(kind))
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(resource)
    isone.faults.add(pattern, Fault("hang"))
    with pytest.raises(httpx.ReadTimeout):
        client.get(resource, timeout=0.2)
    assert client.get(resource).content == whole, "a fault lasts as often as it was asked for"


def test_it_stops_with_a_request_hanging_and_leaves_no_thread() -> None:
    script = FaultScript()
    script.add("*", Fault("hang"), times=None)
    server = LoopbackServer(create_faulty_isone_api(script, username="u", password="p"))
    server.start()
    assert "loopback-server" in {thread.name for thread in threading.enumerate()}
    ended: list[str] = []

    def ask() -> None:
        try:
            reply = httpx.get(f"{server.base_url}{BASE_PATH}/genfuelmix/current", timeout=60)
            ended.append(f"HTTP {reply.status_code}")
        except httpx.HTTPError as error:
            ended.append(type(error).__name__)

    thread = threading.Thread(target=ask)
    thread.start()
    eventually(lambda: script.requests)
    server.stop()
    server.stop()
    thread.join()
    assert ended
    assert "loopback-server" not in {thread.name for thread in threading.enumerate()}
