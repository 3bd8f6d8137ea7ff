"""Prefect's global concurrency limits named like a host hold for the requests of all processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

from flows.api_config import ApiConfig
from flows.orchestration.global_host_limits import shared_places
from tests.interrupted_runs import InterruptedRuns

HOST = "127.0.0.1"


@pytest.fixture
def limit(prefect_client: None) -> Iterator[None]:
    """A limit of two concurrent requests to the host of all embedded APIs."""
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=HOST, limit=2))
        yield
        client.delete_global_concurrency_limit_by_name(HOST)


def test_two_processes_keep_to_a_limit_of_the_hosts_name(limit: None, runs: InterruptedRuns) -> None:
    runs.configure(apis=3, seconds_per_byte=0.0005)
    processes = [runs.start(), runs.start()]
    for process in processes:
        assert process.wait(200) == 0, process.errors
    assert len(runs.faults.requests) == 6
    assert runs.faults.peak_in_flight <= 2
    # runs that start in the same second and get the same response store one object
    assert runs.check_bucket() in range(3, 7)


def test_hosts_without_a_limit_cost_nothing(prefect_client: None) -> None:
    api = ApiConfig.model_validate(
        {"name": "x", "url": "http://127.0.0.1:1/x", "output_folder": "f", "csv_prefix": "p"}
    )
    assert shared_places([api]) is None


def test_each_request_takes_a_slot_of_a_limit_whose_slots_decay(prefect_client: None) -> None:
    host = "localhost:1"
    api = ApiConfig.model_validate(
        {"name": "x", "url": f"http://{host}/x", "output_folder": "f", "csv_prefix": "p"}
    )
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(
            GlobalConcurrencyLimitCreate(name=host, limit=1, slot_decay_per_second=5)
        )
        try:
            place = shared_places([api])
            assert place
            for _ in range(2):
                with place(host):
                    used = client.read_global_concurrency_limit_by_name(host).active_slots
                    assert used == 1
        finally:
            client.delete_global_concurrency_limit_by_name(host)
