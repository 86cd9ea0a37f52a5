"""Dashboards that are sent by a cron rule, on each database."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import structs

from drover.app.dashboard_reports import SCHEDULE_KIND, actions, set_missing
from drover.app.long_tasks import LongTasks
from drover.engine.scheduler import Scheduler
from drover.engine.timing import Timing
from drover.kinds.dashboard import KIND
from drover.kinds.owned_dashboard import KIND as OWNED
from drover.model.dashboard import ReportConfig
from drover.ports.tasks import LogsWanted
from tests.support.access_server import AccessServer

REPORT = {"cron": "0 6 * * 1", "toEmail": ["boss@x.test"], "subject": "Monday", "ctx": {"n": 1}}


class World:
    """A server with an application, whose dashboards may be sent."""

    def __init__(self, database):
        self.server = AccessServer(database)
        self.store = self.server.store
        tasks = self.server.services[LongTasks]
        self.scheduler = Scheduler(self.store, Timing(), actions(tasks))

    async def begin(self):
        self.token = await self.server.start()
        self.application = await self.server.application(self.token)
        self.path = f"/applications/{self.application}/dashboards"
        return self

    async def dashboard(self, *reports):
        body = {"name": "Board", "reportConfigs": list(reports)}
        return (await self.server.ok(self.token, "POST", self.path, body))["id"]

    async def patch(self, dashboard_id, **body):
        return await self.server.call(self.token, "PATCH", f"{self.path}/{dashboard_id}", body)

    async def schedules(self, dashboard_id):
        return await self.store.read(
            lambda session: session.jobs.schedules.of(SCHEDULE_KIND, dashboard_id)
        )

    async def make_due(self, dashboard_id):
        """Have a dashboard's reports be due now."""

        async def work(session):
            now_ms = await session.now_ms()
            for each in await session.jobs.schedules.of(SCHEDULE_KIND, dashboard_id):
                await session.jobs.schedules.put(structs.replace(each, next_due_ms=now_ms))

        await self.store.write(work)

    async def logs(self):
        found, _ = await self.store.read(
            lambda session: session.tasks.logs(self.application, LogsWanted())
        )
        return found


@pytest.fixture
async def world(database):
    made = await World(database).begin()
    yield made
    await made.server.close()


async def test_a_report_that_is_due_becomes_a_job_that_is_told_to_its_readers(world):
    board = await world.dashboard(REPORT, {**REPORT, "timezone": "Europe/Oslo"})
    await world.make_due(board)

    await world.scheduler.tick()
    await world.scheduler.tick()

    one, two = await world.logs()
    assert (one.resource_type, one.resource_id, one.emails) == (
        "dashboard",
        board,
        ("boss@x.test",),
    )
    assert msgspec.json.decode(one.execution.detail)["subject"] == "Monday"
    assert one.execution.source.type == "system"
    schedules = await world.schedules(board)
    assert [each.tz for each in schedules] == ["UTC", "Europe/Oslo"]
    assert all(each.next_due_ms > each.last_due_ms for each in schedules)
    assert two.execution.name == "DashboardReport"


async def test_schedules_follow_the_reports_and_go_with_the_dashboard(world):
    board = await world.dashboard(REPORT, REPORT)
    before = await world.schedules(board)

    await world.patch(board, name="Other")
    kept = await world.schedules(board)
    await world.patch(board, reportConfigs=[{**REPORT, "cron": "*/5 * * * *"}])
    (changed,) = await world.schedules(board)
    await world.server.ok(world.token, "DELETE", f"{world.path}/{board}")

    assert (kept, len(kept)) == (before, 2)
    assert changed.cron == "*/5 * * * *"
    assert await world.schedules(board) == []


async def test_the_reports_of_a_dashboard_that_went_with_its_owner_are_forgotten(world):
    board = await world.dashboard(REPORT)
    (schedule,) = await world.schedules(board)
    gone = structs.replace(schedule, ref=f"{'f' * 24}/0", application_id=None)
    await world.store.write(lambda session: session.jobs.schedules.put(gone))
    await world.make_due("f" * 24)

    await world.scheduler.tick()

    assert await world.schedules("f" * 24) == []
    assert await world.logs() == []


@pytest.mark.parametrize(
    ("report", "field"),
    [
        ({"toEmail": ["boss@x.test"]}, "reportConfigs.0.cron"),
        ({"cron": "0 6 * * 1"}, "reportConfigs.0.toEmail"),
        ({**REPORT, "cron": "0 6 * *"}, "cron"),
        ({**REPORT, "cron": "* * * * * *"}, "minutes"),
        ({**REPORT, "cron": "61 * * * *"}, "reportConfigs.0"),
        ({**REPORT, "timezone": "Mars/North"}, "reportConfigs.0"),
        ({**REPORT, "callbackUrl": "ftp://x"}, "callbackUrl"),
    ],
)
async def test_a_report_that_could_never_be_sent_is_refused(world, report, field):
    board = await world.dashboard()

    answer = await world.patch(board, reportConfigs=[report])

    assert (answer.status_code, field in answer.json()["message"]) == (400, True), answer.text
    assert await world.schedules(board) == []


async def _stored(world, dashboard_id, *reports):
    """Keep a dashboard as one was that was saved before reports had schedules."""

    async def work(session):
        old = await session.resources.lock(KIND, world.application, dashboard_id)
        kept = msgspec.convert(reports, tuple[ReportConfig, ...])
        await session.resources.put(KIND, structs.replace(old, report_configs=kept))

    await world.store.write(work)


async def test_a_report_that_would_be_refused_today_keeps_no_other_change_back(world):
    board = await world.dashboard()
    await _stored(world, board, {"subject": "Monday"})

    answer = await world.patch(board, name="Other")

    assert (answer.status_code, answer.json()["name"]) == (200, "Other")
    assert (await world.patch(board, reportConfigs=[{"subject": "Tuesday"}])).status_code == 400


async def test_dashboards_from_before_reports_had_schedules_get_theirs_at_the_start(world):
    old, new, bare = [await world.dashboard(*each) for each in ([], [REPORT], [])]
    await _stored(world, old, {"subject": "Monday"}, {**REPORT, "timezone": "Europe/Oslo"})
    before = await world.schedules(new)

    await world.store.write(set_missing)

    (made,) = await world.schedules(old)
    assert (made.ref, made.application_id) == (f"{old}/1", world.application)
    assert (made.cron, made.tz) == (REPORT["cron"], "Europe/Oslo")
    assert made.next_due_ms is not None
    assert (await world.schedules(new), await world.schedules(bare)) == (before, [])


async def test_a_dashboard_of_a_user_gets_its_schedule_at_the_start(world):
    me = (await world.server.ok(world.token, "GET", "/me"))["id"]
    board = await world.dashboard(REPORT)
    await world.store.write(lambda session: _given_away(session, world.application, board, me))

    await world.store.write(set_missing)

    (made,) = await world.schedules(board)
    assert (made.application_id, made.cron) == (None, REPORT["cron"])


async def _given_away(session, application_id, board, owner_id):
    """Keep a dashboard under its owner, with no schedule."""
    old = await session.resources.lock(KIND, application_id, board)
    await session.resources.remove(KIND, application_id, board)
    await session.jobs.schedules.remove(SCHEDULE_KIND, board)
    owned = structs.replace(old, application_id=owner_id)
    await session.resources.add(OWNED, OWNED.entity(**structs.asdict(owned)))
