"""The class and the flow as Python callers use them: in event loops, threads, other flows, and tasks."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest
from nbclient import NotebookClient
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from flows.integration import EnergyDataPipelineIntegration
from flows.process.prefect_server import EmbeddedPrefectServer
from flows.run_report import PipelineFailedError, RunResults
from flows.sandbox.loopback_server import LoopbackServer
from tests.conftest import REPOSITORY, IsoneSandbox, eventually

PipelineOn = Callable[[Path], EnergyDataPipelineIntegration]
WriteConfig = Callable[..., Path]
NAMES = ("Fuel Mix", "Morning Report")

# Prefect's client leaves connections to event loops that have ended
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def collected_connections() -> Iterator[None]:
    """Frees such connections before the next test, which would fail for them."""
    yield
    gc.collect()


@pytest.fixture
def pipeline(
    pipeline_on: PipelineOn, write_config: WriteConfig, isone: IsoneSandbox
) -> EnergyDataPipelineIntegration:
    entries = (isone.api(name, f"{name.casefold().replace(' ', '')}/current") for name in NAMES)
    return pipeline_on(
        write_config(*(dict(entry, url=entry["url"].replace("fuelmix", "genfuelmix")) for entry in entries))
    )


def all_methods(pipeline: EnergyDataPipelineIntegration) -> dict[str, Any]:
    """What each method gives, none of them a coroutine."""
    return {
        "run": pipeline.run_full_pipeline()["pipeline_status"],
        "valid": pipeline.validate_configuration()["config_valid"],
        "probes": [probe["ok"] for probe in pipeline.probe_access()["probes"]],
        "preview": pipeline.preview_api("Fuel Mix")["requests"],
        "status": [api["error"] for api in pipeline.get_pipeline_status()["apis"]],
        "spool": pipeline.drain_spool().problems,
    }


EXPECTED = {
    "run": "completed",
    "valid": True,
    "probes": [True, True, True, True],
    "preview": 1,
    "status": [None, None],
    "spool": (),
}


def in_event_loop(call: Callable[[], Any]) -> Any:
    async def main() -> Any:
        return call()

    return asyncio.run(main())


def in_web_handler(call: Callable[[], Any]) -> Any:
    settings_of_this_test = contextvars.copy_context()

    async def handle(_: Request) -> JSONResponse:
        return JSONResponse(settings_of_this_test.run(call))

    with LoopbackServer(Starlette(routes=[Route("/", handle)])) as server:
        return httpx.get(server.base_url, timeout=60).json()


def in_thread(call: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, call).result()


def in_flow(call: Callable[[], Any]) -> Any:
    return flow(name="a-flow-of-the-caller")(call)()


def in_async_flow(call: Callable[[], Any]) -> Any:
    @flow(name="an-async-flow-of-the-caller")
    async def outer() -> Any:
        return call()

    return asyncio.run(outer())


def in_task(call: Callable[[], Any]) -> Any:
    @flow(name="a-flow-of-the-caller")
    def outer() -> Any:
        return task(name="a-task-of-the-caller")(call)()

    return outer()


@pytest.mark.parametrize(
    "place",
    [in_event_loop, in_web_handler, in_thread, in_flow, in_async_flow, in_task],
    ids=lambda f: f.__name__,
)
def test_every_method_works_wherever_it_is_called(
    pipeline: EnergyDataPipelineIntegration, place: Callable[[Callable[[], Any]], Any]
) -> None:
    found = place(lambda: all_methods(pipeline))
    assert {**found, "spool": tuple(found["spool"])} == EXPECTED


def test_two_threads_run_at_once_with_a_prefect_server(pipeline: EnergyDataPipelineIntegration) -> None:
    with ThreadPoolExecutor(2) as pool:
        futures = [
            pool.submit(contextvars.copy_context().run, pipeline.run_single_api_pipeline, name)
            for name in NAMES
        ]
    results = [future.result() for future in futures]
    assert [(result["api_name"], result["upload_status"]) for result in results] == [
        (name, "success") for name in NAMES
    ]


THREADS = """
import json, sys, threading
from concurrent.futures import ThreadPoolExecutor
from flows.integration import EnergyDataPipelineIntegration

pipeline = EnergyDataPipelineIntegration(sys.argv[1], sys.argv[2])
with ThreadPoolExecutor(2) as pool:
    results = list(pool.map(pipeline.run_single_api_pipeline, ["Fuel Mix", "Morning Report"]))
print(json.dumps([result["upload_status"] for result in results]))
"""


def run_python(*arguments: str | Path, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_two_threads_without_a_prefect_server_share_a_temporary_one_and_are_quiet(
    pipeline: EnergyDataPipelineIntegration,
    write_config: WriteConfig,
    bucket: str,
    tmp_path: Path,
    new_prefect_home: Callable[[Path], Path],
) -> None:
    home = new_prefect_home(tmp_path / "home")
    done = run_python(
        "-c", THREADS, tmp_path / "api_config.json", bucket, folder=tmp_path, PREFECT_HOME=str(home)
    )
    assert done.stdout == '["success", "success"]\n', done.stderr
    assert "Traceback" not in done.stderr
    assert "ERROR" not in done.stderr


def test_what_is_asked_for_wrongly_is_returned_in_our_words(
    pipeline: EnergyDataPipelineIntegration, tmp_path: Path
) -> None:
    wrong_name = (
        "apis: no API is called 'Fule Mix' (did you mean 'Fuel Mix'? "
        "configured: 'Fuel Mix', 'Morning Report')"
    )
    assert pipeline.run_selective_pipeline(["Fule Mix"])["errors"] == [wrong_name]
    single = pipeline.run_single_api_pipeline("Fule Mix")
    assert (single["collection_status"], single["error"]) == ("failed", wrong_name)
    assert pipeline.run_backfill(date(2024, 1, 2), date(2024, 1, 1))["pipeline_status"] == "failed"
    nowhere = EnergyDataPipelineIntegration(tmp_path / "nowhere.json", "any-bucket").run_full_pipeline()
    assert nowhere["pipeline_status"] == "failed"
    assert "there is no such file" in nowhere["errors"][0]


def test_a_single_name_is_a_name_and_not_its_letters(pipeline: EnergyDataPipelineIntegration) -> None:
    assert pipeline.run_selective_pipeline("Fuel Mix")["statistics"]["successful_uploads"] == 1


def test_the_flow_returns_results_or_raises_an_error_that_carries_them(
    pipeline: EnergyDataPipelineIntegration, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.energy_pipeline import energy_pipeline

    monkeypatch.setenv("ENERGY_PIPELINE_S3_BUCKET", bucket)
    config_file = str(tmp_path / "api_config.json")
    results: RunResults = energy_pipeline(apis=["Fuel Mix"], config_file=config_file)  # type: ignore[assignment]
    assert results["statistics"]["successful_uploads"] == 1
    with pytest.raises(PipelineFailedError, match="Fule") as raised:
        energy_pipeline(apis=["Fule"], config_file=config_file)
    assert raised.value.results["pipeline_status"] == "failed"
    assert pickle.loads(pickle.dumps(raised.value)).results == raised.value.results
    state: Any = energy_pipeline(apis=["Fule"], config_file=config_file, return_state=True)
    assert isinstance(state, State)
    assert state.name == "Failed"


def process_state() -> dict[str, Any]:
    """What belongs to the caller: environment, signal handlers, event loop policy, logging, hooks."""
    loggers = {
        name: (logger.level, [*logger.handlers], [*logger.filters], logger.propagate, logger.disabled)
        for name, logger in logging.root.manager.loggerDict.items()
        # those of the server's modules come with their import, as a filter on each
        if isinstance(logger, logging.Logger) and not name.startswith("prefect")
    }
    changeable = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    return {
        "environment": dict(os.environ),
        "signals": {number: signal.getsignal(number) for number in changeable},
        "policy": type(asyncio.get_event_loop_policy()),
        "root logger": (logging.root.level, [*logging.root.handlers]),
        "loggers": loggers,
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook),
        "folder": Path.cwd(),
    }


def test_a_call_leaves_the_callers_process_as_it_was(
    pipeline: EnergyDataPipelineIntegration,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # botocore would take it for a profile without a name
    monkeypatch.setenv("AWS_PROFILE", "")
    all_methods(pipeline)  # which imports what is imported lazily
    before = process_state()
    capfd.readouterr()
    assert all_methods(pipeline) == EXPECTED
    after = process_state()
    new_loggers = after["loggers"].keys() - before["loggers"].keys()
    after["loggers"] = {name: after["loggers"][name] for name in before["loggers"]}
    assert after == before
    assert not new_loggers
    assert capfd.readouterr().out == ""


def test_the_entrypoint_file_run_by_python_is_the_command_run(
    pipeline: EnergyDataPipelineIntegration,
    prefect_server: EmbeddedPrefectServer,
    bucket: str,
    tmp_path: Path,
) -> None:
    variables = {**prefect_server.client_settings, "ENERGY_PIPELINE_S3_BUCKET": bucket}
    script = REPOSITORY / "flows" / "energy_pipeline.py"
    # the configuration of the working directory is used
    done = run_python(script, folder=tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert "completed: 2 of 2 APIs stored or empty" in done.stdout
    one = run_python(script, "--api", "Fule Mix", folder=tmp_path, **variables)
    assert one.returncode == 2
    assert "did you mean 'Fuel Mix'?" in one.stderr


def test_the_notebook_of_the_examples_runs_in_a_jupyter_kernel(
    isone: IsoneSandbox,
    write_config: WriteConfig,
    aws_environment: None,
    prefect_server: EmbeddedPrefectServer,
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = "morningreport"
    past = {"history_url": f"{isone.url}/{report}/day/{{start:%Y%m%d}}", "dates": {"unit": "day"}}
    write_config(
        isone.api("Fuel Mix", "genfuelmix/current"), isone.api("Morning Report", f"{report}/current", **past)
    )
    settings = {**prefect_server.client_settings, "ENERGY_PIPELINE_S3_BUCKET": bucket}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(REPOSITORY / "flows" / "examples" / "pipeline.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    # raises where a cell does
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    texts = [
        output["data"].get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "data" in output
    ]
    shown = "".join(texts)
    assert "'config_valid': True" in shown
    assert "'successful_uploads': 2" in shown
    assert "'planned': 3" in shown
    assert "'stored': 3" in shown


SERVE = """
import sys
from prefect import Flow

source, entrypoint = sys.argv[1], "flows/energy_pipeline.py:energy_pipeline"
Flow.from_source(source=source, entrypoint=entrypoint).serve(name="served")
"""


def test_the_flow_loaded_from_a_local_folder_can_be_served(
    pipeline: EnergyDataPipelineIntegration,
    prefect_server: EmbeddedPrefectServer,
    bucket: str,
    tmp_path: Path,
) -> None:
    variables = {**os.environ, **prefect_server.client_settings, "ENERGY_PIPELINE_S3_BUCKET": bucket}
    variables["ENERGY_PIPELINE_CONFIG_FILE"] = str(tmp_path / "api_config.json")
    serving = subprocess.Popen([sys.executable, "-c", SERVE, str(REPOSITORY)], cwd=tmp_path, env=variables)
    try:
        with get_client(sync_client=True) as client:

            def served() -> Any:
                with contextlib.suppress(ObjectNotFound):
                    return client.read_deployment_by_name("energy-pipeline/served")

            run = client.create_flow_run_from_deployment(eventually(served).id)

            def finished() -> Any:
                state = client.read_flow_run(run.id).state
                return state if state and state.is_final() else None

            assert eventually(finished).message == "2 of 2 APIs stored or empty"
    finally:
        serving.send_signal(signal.SIGINT)
        serving.wait(60)
