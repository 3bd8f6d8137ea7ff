"""`energy-pipeline demo`: a run of the pipeline on embedded servers, and a look at the stored data."""

from __future__ import annotations

import io
import json
import os
import secrets
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from flows.api_config import SHIPPED_CONFIG_FILE
from flows.command_line.options import program_name
from flows.command_line.results_output import print_results, show_activity
from flows.process.child_process import ServerStartError
from flows.process.memory import loading_modules
from flows.process.prefect_server import EmbeddedPrefectServer
from flows.process.temporary_prefect import send_what_is_pending
from flows.run_report import RunResults
from flows.sandbox.isone_api import create_isone_api
from flows.sandbox.loopback_server import LoopbackServer
from flows.sandbox.s3_server import EmbeddedS3

DEMO_BUCKET = "energy-demo"
_HOME = Path(".energy-pipeline")
_CONFIG_FILE = _HOME / "demo-api_config.json"
_VARIABLES_FILE = _HOME / "demo.env"
_ISONE_ORIGIN = "https://webservices.iso-ne.com"
_SERVED = (
    "/api/v1.1/sevendayforecast/current",
    "/api/v1.1/hourlylmp/da/final/current/all",
    "/api/v1.1/genfuelmix/current",
    "/api/v1.1/morningreport/current",
)
_WAIT_SLICE_SECONDS = 0.5
_PREVIEW_ROWS, _PREVIEW_COLUMNS = 5, 6


def run_demo(*, keep_ui: bool) -> int:
    """Run the pipeline once on an embedded API, S3 server and Prefect server.

    Args:
        keep_ui: Serve Prefect's UI too and keep the servers running until Ctrl-C.

    Returns:
        The exit code: 0 if every API was stored, else 1.

    Raises:
        ServerStartError: A server did not start, or the folder for its data cannot be created.
    """
    console = Console()
    try:
        _HOME.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServerStartError(
            f"the demo keeps its data in {_HOME.resolve()}, which cannot be made: {error.strerror}"
        ) from None
    with _stopping_all() as started:
        prefect_server = EmbeddedPrefectServer(_HOME / "prefect", serve_ui=keep_ui)
        s3 = EmbeddedS3(_HOME / "s3")
        for server in (prefect_server, s3):
            started.callback(server.stop)
            server.start()
        username, password = "demo", secrets.token_urlsafe(16)
        isone = started.enter_context(LoopbackServer(create_isone_api(username=username, password=password)))
        # set before the import of Prefect, which reads them then
        os.environ.update(prefect_server.client_settings)
        with show_activity("importing Prefect"), loading_modules():
            import flows.energy_pipeline  # noqa: F401 - imported here to show the message
            from flows.integration import EnergyDataPipelineIntegration
        with show_activity("starting the embedded S3 server"):
            s3.wait_until_ready()
            s3.create_bucket(DEMO_BUCKET)
        # read only now: the address changes if another program took the port
        variables = {
            **prefect_server.client_settings,
            "ENERGY_PIPELINE_CONFIG_FILE": str(_CONFIG_FILE.resolve()),
            "ENERGY_PIPELINE_S3_BUCKET": DEMO_BUCKET,
            "ENERGY_PIPELINE_STATE_DIR": str((_HOME / "demo").resolve()),
            "AWS_ENDPOINT_URL_S3": s3.endpoint_url,
            "AWS_ACCESS_KEY_ID": s3.access_key,
            "AWS_SECRET_ACCESS_KEY": s3.secret_key,
            "AWS_REGION": s3.region,
            "DEMO_API_USERNAME": username,
            "DEMO_API_PASSWORD": password,
        }
        _write_configuration(isone.base_url)
        _write_variables(variables)
        os.environ.update(variables)
        os.environ.pop("AWS_PROFILE", None)
        with show_activity("starting the Prefect server (the first start makes its database)"):
            prefect_server.wait_until_ready()
        results = EnergyDataPipelineIntegration(s3_bucket=DEMO_BUCKET).run_full_pipeline()
        send_what_is_pending()
        print_results(results, console)
        _print_preview(results, s3, console)
        if keep_ui:
            _print_addresses(prefect_server, s3, console)
            _wait_for_interrupt()
        else:
            _print_next_steps(console)
    is_all_stored = results["statistics"]["successful_uploads"] == results["statistics"]["total_apis"]
    return 0 if is_all_stored else 1


@contextmanager
def _stopping_all() -> Iterator[ExitStack]:
    """An exit stack whose callbacks a second Ctrl-C does not interrupt."""
    stack = ExitStack()
    try:
        yield stack
    finally:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            stack.close()
        finally:
            signal.signal(signal.SIGINT, before)


def _write_configuration(api_url: str) -> None:
    """Write the shipped configuration with the URL of the embedded API."""
    auth = {
        "kind": "basic",
        "username": {"env": "DEMO_API_USERNAME"},
        "password": {"env": "DEMO_API_PASSWORD"},
    }
    document = json.loads(SHIPPED_CONFIG_FILE.read_text(encoding="utf-8").replace(_ISONE_ORIGIN, api_url))
    # the embedded API does not serve what the user added to the file
    document["apis"] = [api for api in document["apis"] if str(api.get("url")).endswith(_SERVED)]
    document["defaults"] = {"auth": auth}
    _CONFIG_FILE.write_text(json.dumps(document, indent=2), encoding="utf-8")


def _write_variables(variables: dict[str, str]) -> None:
    _VARIABLES_FILE.touch(mode=0o600)
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in variables.items()]
    # with AWS_PROFILE set, boto3 looks for that profile even if keys are given
    _VARIABLES_FILE.write_text("unset AWS_PROFILE\n" + "".join(lines), encoding="utf-8")


def _print_preview(results: RunResults, s3: EmbeddedS3, console: Console) -> None:
    """Print the first rows of the narrowest table with more than one row, read back from the bucket."""
    stored = [result for result in results["results"] if result["s3_key"] and result["rows"] > 1]
    if not stored:
        return
    result = min(stored, key=lambda result: result["columns"])
    body = s3.client().get_object(Bucket=DEMO_BUCKET, Key=str(result["s3_key"]))["Body"].read()
    frame = pl.read_csv(io.BytesIO(body), infer_schema=False)
    shown = frame.select(frame.columns[:_PREVIEW_COLUMNS]).head(_PREVIEW_ROWS)
    title = f"{result['s3_uri']}: first {shown.height} of {frame.height} rows, read back from S3"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in shown.columns:
        table.add_column(name)
    for row in shown.iter_rows():
        table.add_row(*(value or "" for value in row))
    console.print(table)


def _print_next_steps(console: Console) -> None:
    """Print commands to try next."""
    steps = (
        ("run again and store four more objects", f"{program_name()} demo"),
        ("keep the Prefect UI and the bucket running", f"{program_name()} demo --ui"),
        ("check the configuration for the real service", f"{program_name()} validate"),
    )
    console.print("Next steps:")
    for purpose, command in steps:
        console.print(f"  {command:<32} [dim]# {purpose}[/]", highlight=False, soft_wrap=True)


def _print_addresses(prefect_server: EmbeddedPrefectServer, s3: EmbeddedS3, console: Console) -> None:
    console.print(f"\nPrefect UI:  {prefect_server.url}", highlight=False)
    console.print(f"S3 endpoint: {s3.endpoint_url}, bucket {DEMO_BUCKET}", highlight=False)
    console.print("In another terminal, in this folder:")
    for command in (f"set -a; . {_VARIABLES_FILE}; set +a", f"{program_name()} status"):
        console.print(f"  {command}", highlight=False)
    console.print("Ctrl-C ends it.")


def _wait_for_interrupt() -> None:
    try:
        # polars' handler of Ctrl-C does not interrupt an endless wait
        while True:
            time.sleep(_WAIT_SLICE_SECONDS)
    except KeyboardInterrupt:
        return
