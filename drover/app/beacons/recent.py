"""Jobs as this server stored them last, so that what a worker does next need not read them.

Nothing here is trusted: what follows from a job that is remembered is written only if the stored
one stands as it is remembered (the guard of the store), and what would be refused is read first.
A server with a store of its own alone remembers any: the settings of beacons, which no guard
covers, could be changed by others where they share one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from drover.model.beacon_job import HELD, WAITING
from drover.model.errors import DroverError
from drover.ports.failures import StoreError

if TYPE_CHECKING:
    from drover.model.beacon_job import BeaconJob
    from drover.ports.store import Store

MOST_JOBS: Final = 1024
"""So many jobs are remembered; the one that was stored longest ago makes room."""

MOST_BYTES: Final = 16_384
"""Jobs with longer tasks are not remembered, so that all of them take some 20 MB at most."""


class RecentJobs:
    """The jobs that this server stored last; others push out those that ended elsewhere."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._room = 0 if store.distant else MOST_JOBS
        self._jobs: dict[int, BeaconJob] = {}
        self._set: set[str] = set()
        self._knows_settings = False

    def get(self, number: int) -> BeaconJob | None:
        """Return a job, None where it is to be read."""
        job = self._jobs.get(number)
        if job is not None and job.state in WAITING and self._may_be_set(job.beacon_name):
            return None
        return job

    async def added(self, job: BeaconJob) -> None:
        """Remember a job that was created: it stands as it is unless its beacon has settings.

        It is stored already, so nothing that fails here may reach who asked for it.
        """
        if not self._room or job.state not in WAITING or job.is_template:
            return
        if not self._knows_settings:
            with suppress(DroverError, StoreError):
                await self._learn_settings()
        self._keep(job)

    def saved(self, job: BeaconJob) -> None:
        """Remember a job that a worker has; forget one that it has no more."""
        self._jobs.pop(job.number, None)
        if job.state in HELD:
            self._keep(job)

    def will_be_set(self, name: str) -> None:
        """Note that something is about to be set for the beacons of a name."""
        self._set.add(name)

    async def _learn_settings(self) -> None:
        settings = await self._store.glance(lambda session: session.beacons.settings())
        self._set.update(each.name for each in settings)
        self._knows_settings = True

    def _may_be_set(self, name: str) -> bool:
        return not self._knows_settings or name in self._set

    def _keep(self, job: BeaconJob) -> None:
        if not self._room or len(job.tasks) > MOST_BYTES:
            return
        if len(self._jobs) >= self._room:
            del self._jobs[next(iter(self._jobs))]
        self._jobs[job.number] = job
