"""More devices by a recipe than a caller waits for: a job makes them, on each database."""

from __future__ import annotations

import asyncio
import csv
import io

import msgspec
import pytest

from drover.app.device_recipes import BulkCreate, DeviceRecipes
from drover.app.devices import Devices
from drover.app.long_tasks import LongTasks
from drover.app.recipe_jobs import RecipeJobs
from drover.app.services import Services
from drover.app.signed_links import SignedLinks
from drover.app.tasks import devices_create
from drover.app.transfer.downloads import Downloads
from drover.engine.running_task import RunningTask
from drover.engine.service import Heart
from drover.engine.tasks import TaskRunner
from drover.engine.timing import Timing
from drover.kinds.device import KIND as DEVICE
from drover.model.access import Caller
from drover.model.errors import Invalid, Unavailable
from drover.ports.resources import Listing
from drover.ports.tasks import LogsWanted, TaskCanceled
from drover.system import RandomIds
from tests.support.access_server import AccessServer
from tests.support.catalog_server import MemoryBlobs

TASK = devices_create.TASK


class World:
    """A server with a recipe, and what its jobs stand on."""

    def __init__(self, database):
        self.server = AccessServer(database)
        self.store, self.blobs = self.server.store, MemoryBlobs()
        links = SignedLinks(b"k" * 32, "http://drover.test", 3600, self.server.clock)
        downloads = Downloads(self.store, self.blobs, links, RandomIds(), 3600)
        own = self.server.services
        self.services = Services(own[DeviceRecipes], own[Devices], own[LongTasks], downloads)
        self.caller = Caller(type="user", id="c" * 24, user_id="c" * 24, scopes=frozenset())

    async def begin(self):
        token = await self.server.start()
        self.application = await self.server.application(token)
        path = f"/applications/{self.application}/device-recipes"
        body = {"name": "Pumps", "tags": [{"key": "site", "value": "north"}]}
        self.recipe = (await self.server.ok(token, "POST", path, body))["id"]
        return self

    async def ask(self, **wanted):
        given = msgspec.convert(wanted, BulkCreate)
        return await RecipeJobs(self.services).begin(
            self.caller, self.application, self.recipe, given
        )

    async def run(self, *, lease_ms=60_000):
        heart = Heart(self.store, Timing(lease_ms=lease_ms, beat_ms=60_000), "w")
        runner = TaskRunner(heart, {TASK.kind: TASK.make(self.services)}, most=1)
        async with asyncio.timeout(120):
            await runner.tick()
            while runner.running:
                await asyncio.sleep(0.01)

    async def log(self):
        found, _ = await self.store.read(
            lambda session: session.tasks.logs(self.application, LogsWanted())
        )
        (log,) = found
        return log

    async def checkpoint(self):
        return (await self.log()).execution.accumulator

    async def devices(self):
        listing = Listing(sort_field="name", limit=2000)
        page = await self.store.read(
            lambda session: session.resources.page(DEVICE, self.application, listing)
        )
        return page.items

    def result(self):
        """Return the rows of the file that a job left."""
        (text,) = [each for each in self.blobs.objects.values() if not each.startswith(b"{")]
        return list(csv.DictReader(io.StringIO(text.decode())))


@pytest.fixture
async def world(database):
    made = await World(database).begin()
    yield made
    await made.server.close()


def _rows(count):
    return "".join(["name,floor\n", *(f"P{n:04},{n}\n" for n in range(count))])


async def test_a_job_makes_a_device_for_each_row_and_tells_what_became_of_it(world, monkeypatch):
    monkeypatch.setattr(devices_create, "BATCH", 2)
    rows = _rows(5) + f"{'x' * 300},6\n"
    await world.ask(csv=rows, nameColumn="name", makeUniqueKeySecret=True)

    await world.run()

    log, made = await world.log(), await world.devices()
    assert (log.status, log.resource_type, log.resource_id) == (
        "completed", "deviceRecipe", world.recipe,
    )  # fmt: skip
    output = msgspec.json.decode(log.execution.result)
    assert (output["created"], output["failed"]) == (5, 1)
    assert [device.name for device in made] == [f"P{n:04}" for n in range(5)]
    assert made[1].tags[-1].value == world.recipe
    *good, bad = world.result()
    assert [row["deviceId"] for row in good] == [device.id for device in made]
    assert all(row["accessKey"] and row["accessSecret"] for row in good)
    assert "name" in bad["error"]
    assert good[0]["accessSecret"] not in str(log)


async def test_a_job_that_was_killed_makes_no_device_twice(world, monkeypatch):
    monkeypatch.setattr(devices_create, "BATCH", 2)
    recipes = world.services[DeviceRecipes]
    real, calls = recipes.make_within, []

    async def dies(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise Unavailable("the store is away")
        return await real(*arguments)

    monkeypatch.setattr(recipes, "make_within", dies)
    await world.ask(csv=_rows(5), nameColumn="name")

    await world.run(lease_ms=0)
    assert len(await world.devices()) == 2
    await world.run()

    assert [device.name for device in await world.devices()] == [f"P{n:04}" for n in range(5)]
    assert (await world.log()).status == "completed"


async def test_a_row_that_does_not_fit_after_all_keeps_no_other_back(world, monkeypatch):
    recipes = world.services[DeviceRecipes]
    real, tried = recipes.make_within, []

    async def picky(session, caller, application_id, lines):
        tried.append(len(lines))
        if any(line.given["floor"] == "1" for line in lines):
            raise Invalid("There is no such floor")
        return await real(session, caller, application_id, lines)

    monkeypatch.setattr(recipes, "make_within", picky)
    await world.ask(csv=_rows(16), nameColumn="name")

    await world.run()

    named = [device.name for device in await world.devices()]
    assert named == [f"P{n:04}" for n in range(16) if n != 1]
    errors = [row["error"] for row in world.result()]
    assert errors == ["There is no such floor" if n == 1 else "" for n in range(16)]
    assert tried == [16, 8, 4, 2, 1, 1, 2, 4, 8]


async def test_keys_are_noted_as_many_at_a_time_as_devices_are_made(world, monkeypatch):
    saved = []
    real = RunningTask.save

    async def counted(task, checkpoint):
        saved.append(sum("accessKey" in each for each in checkpoint.get("outcomes", ())))
        await real(task, checkpoint)

    monkeypatch.setattr(RunningTask, "save", counted)
    monkeypatch.setattr(devices_create, "BATCH", 30)
    await world.ask(csv=_rows(70), nameColumn="name", makeUniqueKeySecret=True)

    await world.run()

    assert saved == [30, 60, 70, 0]
    assert all(row["accessSecret"] for row in world.result())


@pytest.mark.parametrize("error", [Invalid("no"), TaskCanceled(), None])
async def test_secrets_of_keys_are_kept_no_longer_than_the_job_runs(world, monkeypatch, error):
    kept = []
    real = world.services[Downloads].keep

    async def ends(*arguments):
        kept.append(await world.checkpoint())
        if error is not None:
            raise error
        return await real(*arguments)

    monkeypatch.setattr(world.services[Downloads], "keep", ends)
    await world.ask(csv=_rows(3), nameColumn="name", makeUniqueKeySecret=True)

    await world.run()

    assert "accessSecret" in kept[0]
    assert await world.checkpoint() is None
    assert (await world.log()).execution.completed_ms is not None
