"""Schedules of resource jobs, put together for a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drover.app.schedules.definition import KIND
from drover.app.schedules.job_schedules import JobSchedules, ScheduleLimits
from drover.app.schedules.runs import ScheduledRuns, queue_runs
from drover.engine.scheduler import ScheduleAction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.app.jobs.execute import JobExecutions
    from drover.engine.service import Heart
    from drover.ports.clock import Ids

__all__ = ["ScheduleLimits", "ScheduleServices", "build"]


@dataclass(frozen=True, kw_only=True)
class ScheduleServices:
    """The use cases of schedules, and what turns the runs they make due into executions."""

    schedules: JobSchedules
    runs: ScheduledRuns
    actions: Mapping[str, ScheduleAction]


def build(
    heart: Heart, executions: JobExecutions, ids: Ids, limits: ScheduleLimits
) -> ScheduleServices:
    """Return the use cases over the store of an engine's heart."""
    store, signals = heart.store, heart.signals
    return ScheduleServices(
        schedules=JobSchedules(store, ids, executions, limits),
        runs=ScheduledRuns(store, executions, signals),
        actions={KIND: ScheduleAction(queue_runs, signals.runs.set)},
    )
