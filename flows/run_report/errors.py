"""The exception that a failed run raises for whoever calls a flow as a function."""

from __future__ import annotations

from flows.run_report.results import RunResults


class PipelineFailedError(Exception):
    """A run whose APIs all failed, or that could not start; the message is the run's headline.

    Attributes:
        results: The results of the run, as a run that succeeds returns them.
    """

    def __init__(self, message: str, results: RunResults) -> None:
        super().__init__(message)
        self.results = results

    def __reduce__(self) -> tuple[type[PipelineFailedError], tuple[str, RunResults]]:
        # Prefect may pickle the data of a state; BaseException would pass on the message alone
        return type(self), (str(self), self.results)
