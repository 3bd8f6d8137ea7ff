"""Publishes the progress of a backfill as a Prefect artifact."""

from __future__ import annotations

import logging
import time
from typing import Self
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.run_report.progress import Progress

logger = logging.getLogger(__name__)

PROGRESS_KEY = "energy-pipeline-progress"
# each update is a request to the Prefect server and a write to its database
_UPDATE_INTERVAL_SECONDS = 5.0


class ProgressArtifact:
    """The progress artifact of a backfill, shown on the page of its flow run.

    A context manager, to be entered inside the flow run; publishes the last progress when it is left.
    """

    def __init__(self) -> None:
        self._id: UUID | None = None
        self._next_at = 0.0
        self._percent = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._id:
            self._update()

    def show(self, progress: Progress) -> None:
        """Publish the progress, at most once every five seconds."""
        self._percent = 100 * progress.done / progress.planned if progress.planned else 100.0
        now = time.monotonic()
        if now >= self._next_at:
            self._next_at = now + _UPDATE_INTERVAL_SECONDS
            self._update()

    def _update(self) -> None:
        try:
            # a later update replaces one that failed; retries would hold up the run for 62 s each
            with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
                if self._id is None:
                    # annotated as possibly a coroutine, for async flows
                    self._id = create_progress_artifact(  # type: ignore[assignment]
                        self._percent, key=PROGRESS_KEY, description="Past dates collected"
                    )
                else:
                    update_progress_artifact(self._id, self._percent)
        except (PrefectException, httpx.HTTPError) as error:
            # the data is stored all the same
            logger.warning("the progress artifact was not published: %s", error)
