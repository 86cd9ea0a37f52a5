"""Everything about resource jobs, put together for a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drover.app.exports import ExportRoom
from drover.app.jobs.control import ExecutionControl
from drover.app.jobs.execute import JobExecutions
from drover.app.jobs.hook import ApplicationEnds, JobHook
from drover.app.jobs.logs import ExecutionLogs
from drover.app.jobs.preview import JobPreview
from drover.app.jobs.progress import Progress
from drover.app.jobs.reports import ReportFiles, ReportLinks
from drover.app.jobs.wishes import Renderer
from drover.app.schedules import assembly as schedules
from drover.app.signed_links import SignedLinks

if TYPE_CHECKING:
    from drover.app.catalog import Hook
    from drover.engine.service import Heart
    from drover.ports.blobs import Blobs
    from drover.ports.clock import Clock, Ids


@dataclass(frozen=True, kw_only=True)
class JobLimits:
    """What a server allows: open executions of one job, the life of a report's address, schedules.

    ``least_seconds`` is the shortest interval of a schedule, ``most_schedules`` those of one job.
    """

    most_open: int = 100
    report_url_seconds: int = 604_800
    most_schedules: int = 100
    least_seconds: float = 60.0


@dataclass(frozen=True, kw_only=True)
class JobServices:
    """The use cases of resource jobs; ``links`` signs the addresses of reports."""

    executions: JobExecutions
    control: ExecutionControl
    logs: ExecutionLogs
    preview: JobPreview
    progress: Progress
    reports: ReportFiles
    links: ReportLinks
    schedules: schedules.ScheduleServices
    exports: ExportRoom

    @property
    def services(self) -> tuple[object, ...]:
        """What faces ask for."""
        return (
            self.executions,
            self.control,
            self.logs,
            self.preview,
            self.progress,
            self.reports,
            self.schedules.schedules,
            self.exports,
        )


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the use cases need of the machine they run on."""

    ids: Ids
    clock: Clock
    blobs: Blobs
    report_key: bytes
    public_url: str


def hooks(min_iteration_timeout_ms: int) -> dict[str, list[Hook]]:
    """Return what belongs to changes of resources, by kind."""
    return {
        "resourceJob": [JobHook(min_iteration_timeout_ms)],
        "application": [ApplicationEnds()],
    }


def build(heart: Heart, machine: Machine, limits: JobLimits) -> JobServices:
    """Return the use cases over the store of an engine's heart."""
    store, signals, clock = heart.store, heart.signals, machine.clock
    renderer = Renderer()
    seconds = limits.report_url_seconds
    links = ReportLinks(SignedLinks(machine.report_key, machine.public_url, seconds, clock))
    executions = JobExecutions(store, machine.ids, signals, renderer, limits.most_open)
    allowed = schedules.ScheduleLimits(
        most=limits.most_schedules, least_seconds=limits.least_seconds
    )
    return JobServices(
        executions=executions,
        control=ExecutionControl(store, signals, heart.timing.pause_ms),
        logs=ExecutionLogs(store, heart.acks, links.url),
        preview=JobPreview(store, renderer),
        progress=Progress(store, clock),
        reports=ReportFiles(store, machine.blobs, links),
        links=links,
        schedules=schedules.build(heart, executions, machine.ids, allowed),
        exports=ExportRoom(store, machine.blobs, links.of),
    )
