"""Imports as jobs, in the process of the test: carried out once, stopped, gone on with."""

from __future__ import annotations

import asyncio
import io
import zipfile

import msgspec
import pytest

from drover.app.dashboard_reports import SCHEDULE_KIND
from drover.app.tasks import application_clone, application_export, application_import
from drover.app.transfer.import_orders import Asked, NewOwner, Source
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.dashboard import KIND as DASHBOARD
from drover.model.errors import Invalid, TooMany, Unavailable
from drover.ports.resources import Listing
from tests.support.catalog_server import USER
from tests.support.import_world import Run, World

HOLD_MS = 300_000


@pytest.fixture
async def world(sqlite_database, tmp_path, monkeypatch):
    return World(sqlite_database, tmp_path / "work", monkeypatch)


def bundle(devices="- name: Pump\n"):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("application.yaml", "name: Fleet\ndescription: Pumps\n")
        file.writestr("README.md", "# Fleet\n")
        file.writestr("devices.yaml", devices)
    return Source(bundle=made.getvalue())


async def test_a_job_brings_in_what_was_kept_for_it(world):
    here = await world.application()

    done = await world.queue(here, bundle())
    waiting = await world.log(here)
    _, run = world.run()
    output = await world.imports.carry_out(run)

    assert (done.job_id, waiting.status) == ("j" * 24, "queued")
    assert output == {"applicationId": here, "validationErrors": []}
    assert await world.names(here) == ["Pump"]
    ended = await world.log(here)
    assert (ended.status, ended.job_id) == ("completed", run.id)
    assert f"/downloads/{ended.id}?" in ended.imported_file_url


async def test_a_job_that_has_stored_everything_does_nothing_when_it_is_begun_again(world):
    here = await world.application()
    await world.queue(here, bundle())
    task, run = world.run()
    work = task.make(world.server.services)
    await work.run(run)

    await work.run(run)

    assert await world.names(here) == ["Pump"]
    assert run.told[-1] == (1, 1)


async def test_a_job_that_is_stopped_leaves_nothing_and_goes_on_later(world):
    here = await world.application()
    await world.queue(here, bundle())
    _, run = world.run()
    step = run.step

    async def stopped(_work):
        raise asyncio.CancelledError

    run.step = stopped
    with pytest.raises(asyncio.CancelledError):
        await world.imports.carry_out(run)
    assert (await world.log(here)).status == "failed"
    assert await world.names(here) == []
    run.step = step
    await world.imports.carry_out(run)

    assert await world.names(here) == ["Pump"]
    assert (await world.log(here)).status == "completed"


async def test_a_job_waits_while_another_import_of_the_owner_runs(world):
    here = await world.application()
    await world.queue(here, bundle())
    _, run = world.run()
    log = await world.log(here)
    await world.store.write(lambda session: session.bundles.put(log))
    await world.queue(here, bundle())

    with pytest.raises(Unavailable):
        await world.imports.carry_out(run)
    with pytest.raises(TooMany):
        await world.queue(here, bundle())


async def test_an_import_whose_server_was_killed_stands_in_the_way_for_a_while_only(world):
    here = await world.application()
    await world.queue(here, bundle())
    log = await world.log(here)
    await world.store.write(lambda session: session.bundles.hold(log.id, 1))

    done = await world.imports.run(
        world.caller, here, Asked(source=bundle()), application_import.TASK
    )

    assert done.document
    first = (await world.imports.logs(here, 0, 2))[1]
    assert (first.status, first.error.name) == ("failed", "Stopped")


async def test_a_job_makes_a_new_application_of_another_one(world):
    here = await world.application()
    await world.imports.run(world.caller, here, Asked(source=bundle()), application_import.TASK)
    owner = NewOwner(owner_id=USER, owner_type="user", name="Copy")

    await world.queue(here, Source(application_id=here), owner=owner)
    _, run = world.run()
    output = await world.imports.carry_out(run)

    new = output["applicationId"]
    assert new != here
    assert await world.names(new) == ["Pump"]
    shown = msgspec.json.decode(await world.server.catalog.get(APPLICATION, new, new))
    assert shown["name"] == "Copy"


async def test_a_new_application_sends_no_reports_to_the_readers_of_the_old_one(world):
    here = await world.application()
    report = {"cron": "0 6 * * 1", "toEmail": ["boss@x.test"]}
    await world.create(DASHBOARD, here, name="Board", reportConfigs=[report])
    owner = NewOwner(owner_id=USER, owner_type="user", name="Copy")

    await world.queue(here, Source(application_id=here), owner=owner)
    _, run = world.run()
    new = (await world.imports.carry_out(run))["applicationId"]

    (old,), (copy,) = [await boards(world, each) for each in (here, new)]
    assert (len(old.report_configs), copy.name, copy.report_configs) == (1, "Board", ())
    counted = [len(await schedules(world, each.id)) for each in (old, copy)]
    assert counted == [1, 0]


async def boards(world, application_id):
    listing = Listing(sort_field="name")
    return (
        await world.store.read(lambda s: s.resources.page(DASHBOARD, application_id, listing))
    ).items


async def schedules(world, dashboard_id):
    return await world.store.read(lambda s: s.jobs.schedules.of(SCHEDULE_KIND, dashboard_id))


async def test_a_dry_run_as_a_job_changes_nothing(world):
    here = await world.application()

    await world.queue(here, bundle(), dry_run=True)
    _, run = world.run()
    await world.imports.carry_out(run)

    assert await world.names(here) == []
    assert (await world.log(here)).dry_run_results["limitErrors"] == []


async def test_a_job_whose_bundle_is_refused_says_so_in_its_log(world):
    here = await world.application()
    await world.queue(here, bundle("- nome: Pump\n"))
    _, run = world.run()

    with pytest.raises(Invalid):
        await world.imports.carry_out(run)

    log = await world.log(here)
    assert log.status == "errored"
    assert log.validation_errors[0]["type"] == "Validation"


async def test_an_import_that_no_job_takes_is_over(world, monkeypatch):
    here = await world.application()

    async def full(*_):
        raise TooMany("Enough")

    monkeypatch.setattr(world.imports._around.tasks, "begin", full)
    with pytest.raises(TooMany):
        await world.queue(here, bundle())

    assert (await world.log(here)).status == "errored"


async def test_a_large_clone_cannot_be_tried_without_a_job(world, monkeypatch):
    here = await world.application()
    monkeypatch.setattr("drover.app.transfer.sources.SMALL", -1)
    owner = NewOwner(owner_id=USER, owner_type="user")
    asked = Asked(source=Source(application_id=here), dry_run=True, owner=owner)

    done = await world.imports.run(world.caller, here, asked, application_clone.TASK)

    assert done.requires_job


async def test_an_export_as_a_job_tells_how_far_it_is(world):
    here = await world.application()
    await world.imports.run(world.caller, here, Asked(source=bundle()), application_import.TASK)
    wish = {"wish": {"devices": True}}
    run = Run(world.store, wish, "", here)

    output = await application_export.TASK.make(world.server.services).run(run)

    assert run.told == [(1, 1)]
    assert output["downloadUrls"][0].startswith("http://drover.test/downloads/")
