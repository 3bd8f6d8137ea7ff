"""Plans: one request for each API, asking for what can be tabulated."""

from __future__ import annotations

from typing import Any

import pytest

from flows.api_config import ApiConfig
from flows.request_plan import plan_requests

STAMP = "20240102_030405"


def api(name: str = "Fuel Mix", **options: Any) -> ApiConfig:
    url = "https://example.com/api/current?units=MW"
    return ApiConfig.model_validate(
        {"name": name, "url": url, "output_folder": name, "csv_prefix": "p", **options}
    )


def test_each_api_is_asked_once_in_the_configurations_order_under_the_runs_stamp() -> None:
    requests = plan_requests([api("b"), api("a")], STAMP)
    assert [request.identity for request in requests] == [("b", STAMP), ("a", STAMP)]
    assert plan_requests([], STAMP) == ()


def test_url_parameters_and_headers_are_sent_as_configured() -> None:
    (request,) = plan_requests([api(params={"page": 2, "all": True}, headers={"X-Client": "me"})], STAMP)
    assert request.url == "https://example.com/api/current?units=MW"
    assert request.params == (("page", "2"), ("all", "true"))
    assert dict(request.headers)["X-Client"] == "me"


@pytest.mark.parametrize(
    ("headers", "accept"),
    [
        ({}, {"Accept": "application/json"}),
        ({"X-Client": "me"}, {"Accept": "application/json"}),
        ({"accept": "application/geo+json"}, {"accept": "application/geo+json"}),
    ],
    ids=["none configured", "others configured", "an own one in lower case"],
)
def test_json_is_asked_for_unless_the_configuration_says_otherwise(
    headers: dict[str, str], accept: dict[str, str]
) -> None:
    (request,) = plan_requests([api(headers=headers)], STAMP)
    assert {name: value for name, value in request.headers if name.lower() == "accept"} == accept


def test_a_plan_holds_no_secret_but_its_reference() -> None:
    auth = {"kind": "query", "name": "api_key", "value": {"env": "SERVICE_KEY"}}
    (request,) = plan_requests([api(auth=auth)], STAMP)
    assert "api_key" not in request.url
    assert request.params == ()
    assert [name for name, _ in request.headers] == ["Accept"]
