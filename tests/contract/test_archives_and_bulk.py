"""Archives that are due each day, and many events changed by tasks, on each database."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest

from drover.app import event_bulk
from drover.app.archives.asking import Archives
from drover.app.archives.sources import ArchiveRoom
from drover.app.bulk import Bulk
from drover.app.events import Events
from drover.app.export_sources import EVENTS
from drover.app.exports import Export, ExportRoom
from drover.app.long_tasks import Asked, LongTask, LongTasks
from drover.app.services import Services
from drover.app.tasks.archive_data import TASK as ARCHIVE_DATA
from drover.engine.service import Heart
from drover.engine.tasks import TaskRunner
from drover.engine.timing import Timing
from drover.kinds.event import EventPost
from drover.model.access import Caller
from drover.model.errors import TooMany
from drover.ports.tasks import LogsWanted
from drover.store.archives import ArchivePlaces
from tests.support.access_server import AccessServer
from tests.support.catalog_server import MemoryBlobs

DAY_MS = 86_400_000


class World:
    """A server, its tasks and the places of its archives."""

    def __init__(self, database, folder):
        self.database, self.folder = database, folder
        self.server = AccessServer(database)
        self.store, self.tasks = self.server.store, self.server.services[LongTasks]
        places = ArchivePlaces(str(folder))
        self.archives = Archives(self.store, self.tasks, places)
        self.blobs = MemoryBlobs()
        room = ExportRoom(self.store, self.blobs, lambda execution_id: f"/reports/{execution_id}")
        self.services = Services(ArchiveRoom(self.store, places), room)

    async def begin(self):
        self.token = await self.server.start()
        return self

    async def application(self, **fields):
        made = await self.server.application(self.token)
        await self.server.ok(self.token, "PATCH", f"/applications/{made}", fields)
        return made

    async def run(self, *kinds):
        heart = Heart(self.store, Timing(lease_ms=60_000, beat_ms=60_000), "w")
        works = {each.kind: each.make(self.services) for each in kinds}
        runner = TaskRunner(heart, works, most=1)
        async with asyncio.timeout(120):
            await runner.tick()
            while runner.running:
                await asyncio.sleep(0.01)

    async def logs(self, application_id):
        found, _ = await self.store.read(
            lambda session: session.tasks.logs(application_id, LogsWanted())
        )
        return found

    async def now_ms(self):
        return await self.store.read(lambda session: session.now_ms())

    async def put(self, statement, *rows):
        for row in rows:
            await self.database.write(lambda tx, row=row: tx.execute_sql(statement, row))


@pytest.fixture
async def world(database, tmp_path):
    made = await World(database, tmp_path / "archives").begin()
    yield made
    await made.server.close()


STATE = (
    "INSERT INTO device_state (device_id, attribute, time_ms, value)"
    " VALUES (:device_id, 'heat', :time_ms, '1')"
)


async def test_the_day_that_is_due_is_archived_once_for_each_application_that_wants_it(world):
    config = {"delayDays": 3, "includeEvents": True, "includeDataTables": True, "directory": "d"}
    wants = await world.application(archiveConfig=config)
    quiet = await world.application(name="quiet")
    device = await world.server.ok(
        world.token, "POST", f"/applications/{wants}/devices", {"name": "p"}
    )
    day_ms = (await world.now_ms()) // DAY_MS * DAY_MS - 3 * DAY_MS
    times = (day_ms - 1, day_ms, day_ms + DAY_MS - 1, day_ms + DAY_MS)
    await world.put(STATE, *({"device_id": device["id"], "time_ms": each} for each in times))

    for _ in range(3):
        assert await world.archives.daily() is None
    await world.run(ARCHIVE_DATA)

    (log,) = await world.logs(wants)
    assert await world.logs(quiet) == []
    assert (log.status, log.execution.source.type) == ("completed", "system")
    files = sorted(world.folder.rglob("*.csv.gz"))
    (states,) = [each for each in files if device["id"] in each.name]
    assert len(gzip.decompress(states.read_bytes()).splitlines()) == 3
    (events,) = [each for each in files if "-events-" in each.name]
    assert len(gzip.decompress(events.read_bytes()).splitlines()) == 1


async def test_days_that_no_server_was_there_for_are_archived_once_there_is_one(world):
    wants = await world.application(archiveConfig={"delayDays": 8})
    fresh = await world.application(name="fresh", archiveConfig={"delayDays": 3})
    await world.archives.daily()
    sooner = {"archiveConfig": {"delayDays": 3}}
    await world.server.ok(world.token, "PATCH", f"/applications/{wants}", sooner)
    today_ms = (await world.now_ms()) // DAY_MS * DAY_MS

    for _ in range(2):
        await world.archives.daily()

    asked = [json.loads(log.execution.detail)["date"] for log in await world.logs(wants)]
    assert asked == [today_ms - days * DAY_MS for days in (8, 7, 6, 5, 4, 3)]
    assert len(await world.logs(fresh)) == 1


async def _events(world, application_id, count):
    events = world.server.services[Events]
    caller = Caller(type="user", id="c" * 24, user_id="c" * 24, scopes=frozenset())
    for number in range(count):
        given = EventPost(level="info", subject=f"s{number}")
        await events.create(caller, application_id, given)
    return caller


def _bulk(world, kind, verb):
    events = world.server.services[Events]
    return LongTask(kind, kind, lambda _services: Bulk(world.store, verb(events)))


async def test_many_events_are_updated_and_deleted_by_tasks(world, monkeypatch):
    monkeypatch.setattr(event_bulk.EventVerb, "batch", 2)
    own = await world.application()
    caller = await _events(world, own, 5)
    patch = _bulk(world, "events_patch", event_bulk.PatchEvents)
    delete = _bulk(world, "events_delete", event_bulk.DeleteEvents)
    updates = {"state": "resolved"}
    wanted = {"filter": "s*", "state": "new", "updates": updates}
    await world.tasks.begin(caller, patch, Asked(application_id=own, input=wanted))
    await world.tasks.begin(
        caller, delete, Asked(application_id=own, input={"query": '{"state": "resolved"}'})
    )
    nothing = Asked(application_id=own, input={"query": '{"state": "new"}'})
    await world.tasks.begin(caller, delete, nothing)

    for _ in range(3):
        await world.run(patch, delete)

    logs = await world.logs(own)
    assert [each.execution.result for each in logs] == [
        b'{"updated":5}',
        b'{"removed":5}',
        b'{"removed":0}',
    ]


async def test_events_are_exported_in_pages(world, monkeypatch):
    monkeypatch.setattr("drover.app.export_sources.PAGE", 2)
    own = await world.application()
    caller = await _events(world, own, 5)
    export = LongTask("events_export", "EventsExport", lambda services: Export(services, EVENTS))
    for form in ("csv", "json"):
        asked = Asked(application_id=own, input={"query": '{"level": "info"}', "format": form})
        await world.tasks.begin(caller, export, asked)
        await world.run(export)

    table, members = world.blobs.objects.values()
    assert len(table.splitlines()) == 6
    assert {each["subject"] for each in json.loads(members)} == {f"s{n}" for n in range(5)}


async def test_an_application_has_no_more_unfinished_tasks_than_are_allowed(world):
    own = await world.application()
    caller = await _events(world, own, 0)
    few = LongTasks(world.store, world.server.services[LongTasks]._ids, lambda: None, 2)
    for _ in range(2):
        await few.begin(caller, ARCHIVE_DATA, Asked(application_id=own))

    with pytest.raises(TooMany) as error:
        await few.begin(caller, ARCHIVE_DATA, Asked(application_id=own))

    assert error.value.limit == "max_waiting_tasks"
