"""The sandbox API answers like ISO New England's, and its faults are what a client sees."""

from __future__ import annotations

import itertools
import json
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

RECORDINGS = {
    "sevendayforecast/current": "sevendayforecast_current__pyiso.json",
    "morningreport/current": "morningreport_current__pyiso.json",
    "genfuelmix/current": "genfuelmix_current.json",
    "hourlylmp/da/final/current": "hourlylmp_da_final_day_hour__fragment.json",
    "genfuelmix/info": "genfuelmix_info.json",
}


@pytest.fixture
def client(isone: IsoneSandbox) -> Iterator[httpx.Client]:
    headers = {"Accept": "application/json"}
    with httpx.Client(base_url=isone.url, auth=(USERNAME, PASSWORD), headers=headers, timeout=30) as opened:
        yield opened


def types_of(value: Any) -> dict[str, str]:
    """The path of each scalar in a JSON document and its type, where integers and decimals are one type."""
    if isinstance(value, dict):
        parts = [(f".{key}", inner) for key, inner in value.items()]
    elif isinstance(value, list):
        parts = [("[]", inner) for inner in value[:1]]
    else:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return {"": "number" if is_number else type(value).__name__}
    return {step + path: kind for step, inner in parts for path, kind in types_of(inner).items()}


def test_responses_have_the_status_and_format_of_the_real_service(
    isone: IsoneSandbox, client: httpx.Client
) -> None:
    refused = httpx.get(f"{isone.url}/genfuelmix/current", headers={"Accept": "application/json"})
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    html = {401: refused, 400: client.get("genfuelmix/day/20241399"), 404: client.get("nothing")}
    for status, response in html.items():
        assert (response.status_code, response.headers["Content-Type"]) == (status, "text/html;charset=utf-8")
    xml = client.get("hourlylmp/da/final/current", headers={"Accept": "*/*"})
    location = ET.fromstring(xml.content)[0].find("Location")
    assert location is not None
    assert (location.get("LocId"), location.text) == ("4000", ".H.INTERNAL_HUB")
    assert client.get("genfuelmix/day/20240101").headers["Content-Encoding"] == "gzip"
    assert client.get("genfuelmix/day/20991231").json() == {"GenFuelMixes": ""}


def test_the_hours_of_a_day_follow_daylight_saving_time(client: httpx.Client) -> None:
    for day, hours in {"20240310": 23, "20240601": 24, "20241103": 25}.items():
        response = client.get(f"hourlylmp/da/final/day/{day}/location/4001")
        starts = [
            datetime.fromisoformat(each["BeginDate"]) for each in response.json()["HourlyLmps"]["HourlyLmp"]
        ]
        assert len(starts) == hours
        assert {(after - before).total_seconds() for before, after in itertools.pairwise(starts)} == {3600}


def test_documents_have_the_types_of_recorded_responses(
    client: httpx.Client, recorded_payloads: Path
) -> None:
    for resource, recording in RECORDINGS.items():
        recorded = types_of(json.loads((recorded_payloads / recording).read_text(encoding="utf-8")))
        ours = types_of(client.get(resource).json())
        # optional fields come and go
        common = ours.keys() & recorded.keys()
        assert len(common) >= 2, resource
        assert {path: ours[path] for path in common} == {path: recorded[path] for path in common}


def test_each_fault_is_what_a_client_sees(isone: IsoneSandbox, client: httpx.Client) -> None:
    resource, pattern = "genfuelmix/current", "/genfuelmix/*"
    whole = client.get(resource).content
    isone.faults.add(pattern, faults.status(429, Retry_After="3"))
    response = client.get(resource)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "3")
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
    assert client.get(resource).content == whole, "a fault occurs as often as the test asked for"


def test_the_server_stops_while_a_request_hangs() -> None:
    script = FaultScript()
    script.add("*", Fault("hang"), times=None)
    server = LoopbackServer(create_faulty_isone_api(script, username="u", password="p"))
    server.start()
    ended: list[str] = []

    def ask() -> None:
        try:
            response = httpx.get(f"{server.base_url}{BASE_PATH}/genfuelmix/current", timeout=60)
            ended.append(f"HTTP {response.status_code}")
        except httpx.HTTPError as error:
            ended.append(type(error).__name__)

    thread = threading.Thread(target=ask)
    thread.start()
    eventually(lambda: script.requests)
    server.stop()
    thread.join()
    assert ended
    assert "loopback-server" not in {each.name for each in threading.enumerate()}
