"""Everything about beacon jobs, put together for a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drover.app.beacons.jobs import BeaconJobs
from drover.app.beacons.waiting import LOOK_S, Waiters, Watch
from drover.app.beacons.work import BeaconWork

if TYPE_CHECKING:
    from drover.ports.clock import Ids
    from drover.ports.store import Store


__all__ = ["LOOK_S", "BeaconServices", "build"]


@dataclass(frozen=True, kw_only=True)
class BeaconServices:
    """The use cases of beacon jobs."""

    jobs: BeaconJobs
    work: BeaconWork
    waiters: Waiters
    watch: Watch

    @property
    def services(self) -> tuple[object, ...]:
        """What faces ask for."""
        return (self.jobs, self.work)


def build(store: Store, ids: Ids) -> BeaconServices:
    """Return the use cases over a store."""
    waiters = Waiters()
    return BeaconServices(
        jobs=BeaconJobs(store, ids, waiters),
        work=BeaconWork(store, waiters),
        waiters=waiters,
        watch=Watch(store, waiters),
    )
