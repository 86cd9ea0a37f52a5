"""Reports of dashboards by the clock: a schedule for each that one is to send by a cron rule."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Struct, structs

from drover.app.catalog import QuietHook
from drover.app.long_tasks import Asked, listeners
from drover.app.tasks.dashboard_report import TASK
from drover.engine.scheduler import ScheduleAction
from drover.kinds.dashboard import KIND as IN_APPLICATION
from drover.model.cron import rule_of, zone_of
from drover.model.dashboard import ReportConfig
from drover.model.errors import Invalid, Missing
from drover.ports.schedules import Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.long_tasks import LongTasks
    from drover.engine.scheduler import Due
    from drover.model.access import Caller
    from drover.model.dashboard import Dashboard
    from drover.model.kind import Kind
    from drover.ports.store import Session

SCHEDULE_KIND: Final = "dashboardReport"
"""The kind of their schedules; a ref is the dashboard's id and which of its reports it is."""

_UTC: Final = "UTC"
_FIELDS: Final = 5


class DashboardReportHook(QuietHook):
    """Keeps a dashboard's schedules as its reports say; refuses rules and zones that are none."""

    async def before(
        self, _session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the dashboard; raises Invalid.

        Reports that stay as they are were accepted once, maybe by rules that were not so strict.
        """
        if old is not None and old.report_configs == new.report_configs:
            return new
        for number, report in enumerate(new.report_configs):
            _check(report, f"reportConfigs.{number}")
        return new

    async def after(
        self, session: Session, _caller: Caller, kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Set the schedules anew where the reports have changed."""
        before = () if old is None else old.report_configs
        wanted = () if new is None else new.report_configs
        if before == wanted:
            return
        dashboard: Dashboard = new or old
        within = dashboard.application_id if kind is IN_APPLICATION else None
        await session.jobs.schedules.remove(SCHEDULE_KIND, dashboard.id)
        for number, report in enumerate(wanted):
            await _put(session, _schedule(f"{dashboard.id}/{number}", within, report))


class _Reporting(Struct, frozen=True, kw_only=True, rename="camel"):
    """What any stored dashboard says of its reports."""

    id: str
    report_configs: tuple[ReportConfig, ...]


class DueReports:
    """Asks for the reports that are due: one task for each due moment."""

    def __init__(self, tasks: LongTasks) -> None:
        self._tasks = tasks

    async def act(self, session: Session, due: Sequence[Due]) -> None:
        """Store the tasks."""
        for each in due:
            schedule = each.schedule
            try:
                await session.dashboards.place(schedule.owner)
            except Missing:  # it went with its owner
                await session.jobs.schedules.remove(SCHEDULE_KIND, schedule.owner)
                continue
            given: dict[str, Any] = msgspec.json.decode(schedule.detail)
            told = listeners(",".join(given.pop("toEmail", ())), given.pop("callbackUrl", None))
            asked = Asked(
                application_id=schedule.application_id,
                resource_type="dashboard",
                resource_id=schedule.owner,
                input={**given, "dashboardId": schedule.owner, "time": each.due_ms},
                listeners=told,
            )
            await self._tasks.add(session, None, TASK, asked)


async def set_missing(session: Session) -> None:
    """Set the schedules of dashboards that were saved before reports had any.

    A report that would be refused today gets none.
    """
    for place, document in await session.dashboards.unscheduled(SCHEDULE_KIND):
        dashboard = msgspec.json.decode(document, type=_Reporting)
        within = place.kept_under if place.kind == IN_APPLICATION.one else None
        for number, report in enumerate(dashboard.report_configs):
            with suppress(Invalid):
                _check(report, "")
                await _put(session, _schedule(f"{dashboard.id}/{number}", within, report))


def actions(tasks: LongTasks) -> Mapping[str, ScheduleAction]:
    """Return what the schedules of reports do."""
    return {SCHEDULE_KIND: ScheduleAction(DueReports(tasks).act, tasks.wake)}


def _check(report: ReportConfig, where: str) -> None:
    """Raise Invalid for a report that is never due, or that nobody is to be sent."""
    if not report.cron:
        raise Invalid(f"A report needs a cron rule at `{where}.cron`", field=f"{where}.cron")
    if not report.to_email and not report.callback_url:
        message = f"A report is sent to `toEmail` or `callbackUrl` at `{where}.toEmail`"
        raise Invalid(message, field=f"{where}.toEmail")
    if len(report.cron.split()) > _FIELDS:
        message = f"A report is due by minutes, not seconds, at `{where}.cron`"
        raise Invalid(message, field=f"{where}.cron")
    try:
        rule_of(report.cron)
        zone_of(report.timezone or _UTC)
    except Invalid as error:
        raise Invalid(f"{error.message} at `{where}`", field=where) from error
    listeners(",".join(report.to_email or ()), report.callback_url or None)


async def _put(session: Session, schedule: Schedule) -> None:
    first_ms = schedule.first_ms(await session.now_ms())
    await session.jobs.schedules.put(structs.replace(schedule, next_due_ms=first_ms))


def _schedule(ref: str, application_id: str | None, report: ReportConfig) -> Schedule:
    said = msgspec.to_builtins(structs.replace(report, id=UNSET, cron=UNSET))
    return Schedule(
        kind=SCHEDULE_KIND,
        ref=ref,
        application_id=application_id,
        cron=report.cron or None,
        tz=report.timezone or _UTC,
        detail=msgspec.json.encode(said),
    )
