"""A backfill's progress as a Prefect artifact."""

from __future__ import annotations

import logging
import time
from typing import Self
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import PrefectException

from flows.run_report.progress import Progress

logger = logging.getLogger(__name__)

PROGRESS_KEY = "energy-pipeline-progress"
# each costs the server a write
_EVERY_SECONDS = 5.0


class ProgressArtifact:
    """The progress of a backfill as its flow run's page shows it; to be entered inside the flow run."""

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
        """Show how far it is, unless that was done just now."""
        self._percent = 100 * progress.done / progress.planned if progress.planned else 100.0
        now = time.monotonic()
        if now >= self._next_at:
            self._next_at = now + _EVERY_SECONDS
            self._update()

    def _update(self) -> None:
        try:
            if self._id is None:
                # typed as a coroutine too, for flows that are
                self._id = create_progress_artifact(  # type: ignore[assignment]
                    self._percent, key=PROGRESS_KEY, description="Hours, days, months or years collected"
                )
            else:
                update_progress_artifact(self._id, self._percent)
        except (PrefectException, httpx.HTTPError) as error:
            # the data is stored all the same
            logger.warning("the progress was not published: %s", error)
