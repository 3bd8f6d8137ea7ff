"""The pipeline as a Python class: a client of the flows, with no logic of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, cast

from flows.api_config import (
    ConfigError,
    ExplicitBucket,
    Settings,
    check_configuration,
    libraries_log_warnings_only,
    select_apis,
    use_bucket,
)
from flows.process.temporary_prefect import reaching_prefect, serving_prefect
from flows.request_plan import askable_apis
from flows.run_report import ApiResult, PipelineFailedError, RunResults, failed_result, results_of_no_run
from flows.run_report.progress import ShowProgress, showing_progress

if TYPE_CHECKING:
    from prefect import Flow

    from flows.inspection.preview import ApiPreview
    from flows.inspection.probe import ProbeResult
    from flows.inspection.status import PipelineStatus
    from flows.object_store import DrainReport


class ConfigurationReport(TypedDict):
    """Whether a configuration is valid, all its problems, and the names of its APIs.

    `probes` holds the results for each API, the bucket and the spool, if they were probed.
    """

    config_valid: bool
    errors: list[str]
    apis: list[str]
    probes: NotRequired[list[ProbeResult]]


class EnergyDataPipelineIntegration:
    """Runs all or some APIs of the pipeline, checks its configuration, and reports its status.

    Every method blocks until it is done, also in a thread that runs an event loop, such as a notebook's. In
    an asynchronous application, use `await asyncio.to_thread(...)`. Methods may be called from any thread,
    from several threads at once, and inside other flows and tasks. If `PREFECT_API_URL` is not set, each run
    starts a temporary Prefect server, which takes about three seconds.

    Args:
        config_file: Configuration file; by default that of the settings.
        s3_bucket: S3 bucket to store into; by default the `S3Bucket` block or the bucket of the settings.
        aws_profile: AWS profile for the bucket; by default boto3's credential chain.
        region: AWS region of the bucket; by default that of the AWS settings.
    """

    def __init__(
        self,
        config_file: str | Path | None = None,
        s3_bucket: str | None = None,
        aws_profile: str | None = None,
        region: str | None = None,
    ) -> None:
        self._config_file = Path(config_file) if config_file else None
        is_explicit = any((s3_bucket, aws_profile, region))
        self._bucket = ExplicitBucket(s3_bucket, aws_profile, region) if is_explicit else None

    def run_full_pipeline(self) -> RunResults:
        """Run all enabled APIs. Failures are in the results; they raise nothing."""
        return self._run(None)

    def run_selective_pipeline(self, names: Sequence[str]) -> RunResults:
        """Run the APIs with these names or output folders. Failures are in the results."""
        return self._run(_as_list(names))

    def run_single_api_pipeline(self, name: str) -> ApiResult:
        """Run the API with this name or output folder, and return its entry of the results.

        If there is no single such API, or the run could not start, the entry is a failed one with the reason.
        """
        results = self._run([name])
        if len(results["results"]) == 1:
            return results["results"][0]
        causes = results["errors"] or [f"'{name}' is the folder of {len(results['results'])} APIs"]
        return failed_result(name, "; ".join(causes))

    def run_backfill(
        self,
        start_date: date,
        end_date: date,
        names: Sequence[str] | None = None,
        *,
        force: bool = False,
        show: ShowProgress | None = None,
    ) -> RunResults:
        """Collect and store missing past dates.

        Args:
            start_date: First day, in the time zone of each API.
            end_date: Last day, inclusive.
            names: Names or output folders of the APIs; None for all enabled ones that have dates.
            force: Overwrite stored dates.
            show: Called with the progress about twice a second.
        """
        from flows.energy_pipeline import backfill

        with showing_progress(show):
            return self._results_of(
                backfill,
                start_date=start_date,
                end_date=end_date,
                apis=None if names is None else _as_list(names),
                force=force,
            )

    def validate_configuration(
        self, names: Sequence[str] | None = None, days: tuple[date, date] | None = None
    ) -> ConfigurationReport:
        """Check the configuration and the environment variables it refers to, without sending requests.

        Args:
            names: APIs whose variables are checked; None for all enabled ones.
            days: First and last day of past dates to check these APIs for, if any.
        """
        try:
            config = check_configuration(self._config_file or Settings().config_file, names)
            if days:
                chosen = select_apis(config.apis, names)
                askable_apis(chosen, *days, datetime.now(UTC), is_by_name=names is not None)
        except ConfigError as error:
            causes = [str(problem) for problem in error.problems]
            return ConfigurationReport(config_valid=False, errors=causes, apis=[])
        return ConfigurationReport(config_valid=True, errors=[], apis=[api.name for api in config.apis])

    def probe_access(self) -> ConfigurationReport:
        """Check the configuration, then send one request to each API and check the bucket and the spool.

        Nothing is stored. An API whose secrets are missing is reported and not requested.
        """
        from flows.inspection.probe import probe_access

        report = self.validate_configuration()
        report["probes"] = []
        try:
            with self._bucket_access():
                report["probes"] = probe_access(Settings(), self._config_file)
        except ConfigError as error:
            # of an unusable file the report has all problems already
            if report["config_valid"]:
                report["config_valid"] = False
                report["errors"] = [str(problem) for problem in error.problems]
        return report

    def preview_api(self, name: str, first_rows: int = 5) -> ApiPreview:
        """Collect one API and describe its table, without storing anything.

        Raises:
            ConfigError: There is no single such API, or its secrets are missing.
            CollectionError: The API gave no usable response.
            DocumentError: The response could not be tabulated.
        """
        from flows.inspection.preview import preview_api

        with libraries_log_warnings_only(), reaching_prefect():
            return preview_api(self._config_file or Settings().config_file, name, first_rows)

    def get_pipeline_status(self) -> PipelineStatus:
        """The last run on this machine, the newest object of each API with its age, and the spool."""
        from flows.inspection.status import pipeline_status

        with self._bucket_access():
            return pipeline_status(Settings(), self._config_file)

    def drain_spool(self) -> DrainReport:
        """Upload the objects in the spool of this machine, without collecting anything.

        Raises:
            ConfigError: The settings of the bucket are wrong.
        """
        from flows.orchestration.run_resources import open_spool, open_store

        settings = Settings()
        with self._bucket_access():
            return open_spool(settings).drain(open_store(settings))

    def _run(self, names: list[str] | None) -> RunResults:
        # takes over a second, which validate_configuration must not
        from flows.energy_pipeline import energy_pipeline

        return self._results_of(energy_pipeline, apis=names)

    def _results_of(self, flow: Flow[..., Any], **parameters: object) -> RunResults:
        from flows.orchestration.prefect_outage import result_of

        config_file = str(self._config_file) if self._config_file else None
        try:
            with use_bucket(self._bucket), reaching_prefect(), serving_prefect() as wait_for_server:
                wait_for_server()
                found = result_of(flow, **parameters, config_file=config_file)
        except ConfigError as error:
            return results_of_no_run(error.problems)
        if isinstance(found, PipelineFailedError):
            return found.results
        if isinstance(found, BaseException):
            # a bug in this project: all expected failures end with results
            raise found
        return cast("RunResults", found)

    @contextmanager
    def _bucket_access(self) -> Iterator[None]:
        """Use this pipeline's bucket, with a Prefect server if its block has to be loaded."""
        with (
            use_bucket(self._bucket),
            libraries_log_warnings_only(),
            reaching_prefect(),
            ExitStack() as server,
        ):
            if not self._bucket:
                server.enter_context(serving_prefect())()
            yield


def _as_list(names: Sequence[str]) -> list[str]:
    # a single name is a sequence of characters, too
    return [names] if isinstance(names, str) else list(names)
