"""Everything about beacon jobs, put together for a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drover.app.beacons.holding import Holders
from drover.app.beacons.jobs import BeaconJobs
from drover.app.beacons.logs import BeaconLogs
from drover.app.beacons.recent import RecentJobs
from drover.app.beacons.settings import BeaconSettings
from drover.app.beacons.templates import AddDueJob, Templates
from drover.app.beacons.timetable import SCHEDULE_KIND, Timetable
from drover.app.beacons.waiting import LOOK_S, Waiters, Watch
from drover.app.beacons.work import BeaconWork
from drover.engine.scheduler import ScheduleAction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.engine.service import Heart
    from drover.engine.signals import Signals
    from drover.ports.clock import Ids

__all__ = ["LOOK_S", "BeaconServices", "actions", "build"]


@dataclass(frozen=True, kw_only=True)
class BeaconServices:
    """The use cases of beacon jobs."""

    jobs: BeaconJobs
    work: BeaconWork
    logs: BeaconLogs
    settings: BeaconSettings
    templates: Templates
    waiters: Waiters
    holders: Holders
    watch: Watch

    @property
    def services(self) -> tuple[object, ...]:
        """What faces ask for."""
        return (self.jobs, self.work, self.logs, self.settings, self.templates)

    def stop(self) -> None:
        """Let nobody wait any longer: the server is going to stop."""
        self.waiters.stop()
        self.holders.stop()


def build(
    heart: Heart, ids: Ids, tz: str = "UTC", waiters: Waiters | None = None
) -> BeaconServices:
    """Return the use cases over the store of an engine's heart; ``tz`` is that of templates."""
    store, signals = heart.store, heart.signals
    waiters = waiters or Waiters(signals.beacons)
    holders = Holders(store, waiters)
    recent = RecentJobs(store)
    told, lease_ms = signals.callbacks, heart.timing.beacon_lease_ms
    return BeaconServices(
        jobs=BeaconJobs(store, ids, waiters, Timetable(tz), signals, recent),
        work=BeaconWork(store, waiters, holders, told, recent, lease_ms),
        logs=BeaconLogs(store),
        settings=BeaconSettings(store, signals.beacons, recent),
        templates=Templates(store, ids, waiters),
        waiters=waiters,
        holders=holders,
        watch=Watch(store, waiters),
    )


def actions(ids: Ids, signals: Signals) -> Mapping[str, ScheduleAction]:
    """Return what the schedules of templates do."""
    return {SCHEDULE_KIND: ScheduleAction(AddDueJob(ids).act, signals.beacons.set)}
