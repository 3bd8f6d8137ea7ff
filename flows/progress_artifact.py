"""A backfill's progress as a Prefect artifact."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Self
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import PrefectException

from flows.run_artifacts import artifacts_of
from flows.run_progress import Progress

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
        self.show_percent(100 * progress.done / progress.planned if progress.planned else 100.0)

    def show_percent(self, percent: float) -> None:
        """Show how far it is, from 0 to 100, unless that was done just now."""
        self._percent = percent
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


def shown_percents(client: SyncPrefectClient, flow_runs: Sequence[UUID]) -> dict[UUID, float]:
    """What other flow runs show of their progress, from 0 to 100; not of those that show none yet.

    Raises:
        PrefectException: Where the server does not tell.
        HTTPError: Where it cannot be asked.
    """
    artifacts = artifacts_of(client, flow_runs, PROGRESS_KEY)
    return {each.flow_run_id: float(str(each.data)) for each in artifacts if each.flow_run_id}
