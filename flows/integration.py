"""The pipeline as a class, for Python callers: a client of the flow, with no logic of its own."""

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
    """Whether a configuration can be used, all that is wrong with it, and the APIs in it.

    `probes` is there where it was asked for: what each API and the bucket answered.
    """

    config_valid: bool
    errors: list[str]
    apis: list[str]
    probes: NotRequired[list[ProbeResult]]


class EnergyDataPipelineIntegration:
    """Runs the pipeline, whole or in part, and reports how it stands.

    Every method blocks until it is done, also in a thread that runs an event loop, such as a notebook's:
    in an asynchronous application, call it with `await asyncio.to_thread(...)`. The methods may be called
    from any thread, from several at once, and inside other flows and tasks. Where `PREFECT_API_URL` is
    not set, a temporary Prefect server is served meanwhile, which takes about five seconds a call.

    Args:
        config_file: Configuration; by default that of the settings.
        s3_bucket: Bucket to store into; by default the `S3Bucket` block or bucket of the settings.
        aws_profile: AWS profile for the bucket; by default the ordinary AWS chain.
        region: AWS region of the bucket; by default the ordinary AWS chain.
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
        """Run all enabled APIs and return the results, which say what failed and why."""
        return self._run(None)

    def run_selective_pipeline(self, names: Sequence[str]) -> RunResults:
        """Run the APIs of these names or output folders and return the results."""
        return self._run(_listed(names))

    def run_single_api_pipeline(self, name: str) -> ApiResult:
        """Run one API and return its part of the results.

        Where there is no one API of that name, or the run could not start, that part is a failed one that
        says why.
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
        """Collect past days that are not stored yet.

        Args:
            start_date: The first day, by the calendar of each API's zone.
            end_date: The last day, inclusive.
            names: Names or folders of the APIs; none for all that are enabled and can be asked for dates.
            force: Whether to collect also what is stored.
            show: Is told about twice a second how far it is.
        """
        from flows.energy_pipeline import backfill

        with showing_progress(show):
            return self._results_of(
                backfill,
                start_date=start_date,
                end_date=end_date,
                apis=None if names is None else _listed(names),
                force=force,
            )

    def validate_configuration(
        self, names: Sequence[str] | None = None, days: tuple[date, date] | None = None
    ) -> ConfigurationReport:
        """Check the configuration and the environment variables it refers to, making no request.

        Args:
            names: The APIs whose variables are looked at; none for all that are enabled.
            days: The first and the last day that these APIs are to be asked for, if any.
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
        """Check the configuration, then ask each API and the bucket whether they let us in.

        Nothing is stored or changed. An API whose secrets are missing is told and not asked.
        """
        from flows.inspection.probe import probe_access

        report = self.validate_configuration()
        try:
            with self._bucket_at_hand():
                report["probes"] = probe_access(Settings(), self._config_file)
        except ConfigError:
            # a file that cannot be used, which the report tells already
            report["probes"] = []
        return report

    def preview_api(self, name: str, first_rows: int = 5) -> ApiPreview:
        """Collect one API and describe its table, storing nothing.

        Raises:
            ConfigError: Where there is no one API of that name, or its secrets are missing.
            CollectionError: Where it gave no usable reply.
            DocumentError: Where its reply is no table.
        """
        from flows.inspection.preview import preview_api

        with libraries_log_warnings_only(), reaching_prefect():
            return preview_api(self._config_file or Settings().config_file, name, first_rows)

    def get_pipeline_status(self) -> PipelineStatus:
        """The last run on this machine and, for each API, the last object in the bucket and its age."""
        from flows.inspection.status import pipeline_status

        with self._bucket_at_hand():
            return pipeline_status(Settings(), self._config_file)

    def drain_spool(self) -> DrainReport:
        """Upload what failed uploads have left on this machine, without collecting anything.

        Raises:
            ConfigError: Where the bucket's settings cannot be used.
        """
        from flows.orchestration.run_resources import open_spool, open_store

        settings = Settings()
        with self._bucket_at_hand():
            return open_spool(settings).drain(open_store(settings))

    def _run(self, names: list[str] | None) -> RunResults:
        # importing the flow takes over a second, which validating must not
        from flows.energy_pipeline import energy_pipeline

        return self._results_of(energy_pipeline, apis=names)

    def _results_of(self, flow: Flow[..., Any], **parameters: object) -> RunResults:
        config_file = str(self._config_file) if self._config_file else None
        try:
            with use_bucket(self._bucket), reaching_prefect(), serving_prefect() as wait_for_server:
                wait_for_server()
                state: Any = flow(**parameters, config_file=config_file, return_state=True)
                # a coroutine in a thread that runs an event loop otherwise
                found: object = state.result(raise_on_failure=False, _sync=True)
        except ConfigError as error:
            return results_of_no_run(error.problems)
        if isinstance(found, PipelineFailedError):
            return found.results
        if isinstance(found, BaseException):
            # a fault of ours: every other outcome of the flow has results
            raise found
        return cast("RunResults", found)

    @contextmanager
    def _bucket_at_hand(self) -> Iterator[None]:
        """The bucket of this pipeline, with a Prefect server where its block has to be loaded."""
        with (
            use_bucket(self._bucket),
            libraries_log_warnings_only(),
            reaching_prefect(),
            ExitStack() as server,
        ):
            if not self._bucket:
                server.enter_context(serving_prefect())()
            yield


def _listed(names: Sequence[str]) -> list[str]:
    # a single name is a sequence of letters too
    return [names] if isinstance(names, str) else list(names)
