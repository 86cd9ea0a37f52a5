"""Application templates in the process of the test: limits, failures half-way, large ones as jobs."""

from __future__ import annotations

import msgspec
import pytest

from drover.app.long_tasks import NOBODY
from drover.app.tasks import application_template
from drover.app.transfer import sources, templates
from drover.app.transfer.templates import Templates
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.application_template import EVERYWHERE, KIND
from drover.kinds.device import KIND as DEVICE
from drover.model.access import Caller
from drover.model.errors import Forbidden, Full, Missing, TooLarge, TooMany
from drover.ports.resources import Listing
from tests.support.catalog_server import user
from tests.support.import_world import World

NAME = Listing(sort_field="name")
TOKEN = {"type": "apiToken", "id": "d" * 24, "scopes": frozenset({"all.Application"})}


class TemplateWorld(World):
    """The use cases of templates, too."""

    def __init__(self, database, folder, monkeypatch):
        super().__init__(database, folder, monkeypatch)
        self.templates = self.server.services[Templates]

    async def plant(self, *devices):
        made = await self.application()
        for name in devices:
            await self.create(DEVICE, made, name=name)
        return made

    async def template(self, application_id, caller=None, **told):
        body = {"name": "T", "applicationId": application_id, "includeDevices": True, **told}
        given = msgspec.convert(body, KIND.post_type)
        return msgspec.json.decode(await self.templates.create(caller or self.caller, given))["id"]

    async def total(self):
        return (await self.templates.page(self.caller, NAME, frozenset(), None)).total


@pytest.fixture
async def world(sqlite_database, tmp_path, monkeypatch):
    return TemplateWorld(sqlite_database, tmp_path, monkeypatch)


async def test_a_large_template_is_applied_by_a_job_though_it_is_deleted_meanwhile(
    world, monkeypatch
):
    made = await world.template(await world.plant("Pump"))
    there = await world.application()
    monkeypatch.setattr("drover.app.transfer.sources.SMALL_BYTES", 1)

    done = await world.templates.apply(world.caller, there, made, NOBODY)
    await world.templates.delete(world.caller, made)
    task, run = world.run()
    output = await task.make(world.server.services).run(run)

    assert (done.job_id, task) == ("j" * 24, application_template.TASK)
    assert output == {"applicationId": there, "validationErrors": []}
    assert await world.names(there) == ["Pump"]
    shown = msgspec.json.decode(await world.server.catalog.get(APPLICATION, there, there))
    assert shown["appliedTemplateIds"] == [made]


async def test_a_large_template_begins_an_application_by_a_job(world, monkeypatch):
    made = await world.template(await world.plant("Pump"))
    monkeypatch.setattr("drover.app.transfer.sources.SMALL_BYTES", 1)
    owner = templates.NewOwner(
        owner_id=world.caller.id, owner_type="user", given={"description": "Mine"}
    )

    await world.templates.apply_new(world.caller, made, owner)
    task, run = world.run()
    output = await task.make(world.server.services).run(run)

    new = output["applicationId"]
    shown = msgspec.json.decode(await world.server.catalog.get(APPLICATION, new, new))
    assert (shown["description"], shown["appliedTemplateIds"]) == ("Mine", [made])


async def test_a_template_whose_bundle_cannot_be_kept_is_forgotten(world, monkeypatch):
    here = await world.application()

    async def full(_key, _chunks):
        raise Full("The disk is full")

    monkeypatch.setattr(world.server.blobs, "put_stream", full)
    with pytest.raises(Full):
        await world.template(here)

    assert await world.total() == 0


async def test_a_template_with_too_many_bytes_is_refused_and_forgotten(world, monkeypatch):
    here = await world.application()
    monkeypatch.setattr(world.templates._around.imports, "most_bytes", 10)

    with pytest.raises(TooLarge, match="10 bytes") as refused:
        await world.template(here)

    assert refused.value.limit == "bundle_bytes"
    assert await world.total() == 0
    assert not world.server.blobs.objects


async def test_a_template_with_too_many_resources_is_refused(world, monkeypatch):
    here = await world.plant("one", "two")
    monkeypatch.setattr(templates, "MOST_PARTS", 1)

    with pytest.raises(TooLarge) as refused:
        await world.template(here)

    assert refused.value.limit == "template_parts"


async def test_an_owner_has_so_many_templates(world, monkeypatch):
    here = await world.application()
    monkeypatch.setattr(templates, "MOST_OF_OWNER", 1)
    await world.template(here)

    with pytest.raises(TooMany) as refused:
        await world.template(here)

    assert refused.value.limit == "templates_of_owner"
    assert await world.total() == 1


async def test_a_token_of_an_application_makes_none_and_sees_public_ones_alone(world):
    here = await world.application()
    hidden = await world.template(here)
    public = await world.template(here, public=True)
    token = Caller(**TOKEN, application_id=here)

    with pytest.raises(Forbidden):
        await world.template(here, caller=token)
    with pytest.raises(Missing):
        await world.templates.get(token, hidden)

    assert msgspec.json.decode(await world.templates.get(token, public))["id"] == public
    assert (await world.templates.page(token, NAME, frozenset(), None)).total == 1


async def test_a_template_without_a_bundle_can_be_deleted(world):
    made = await world.template(await world.application())
    world.server.blobs.objects.pop(sources.template_key(made))

    await world.templates.delete(world.caller, made)

    assert await world.total() == 0


async def test_the_keywords_of_most_templates_are_told_in_order(world, monkeypatch):
    here = await world.application()
    monkeypatch.setattr(templates, "MOST_KEYWORDS", 2)
    monkeypatch.setattr(templates, "PAGE", 1)
    for keywords in (["z", "a"], ["z", "b"], ["b"]):
        await world.template(here, keywords=keywords)

    assert await world.templates.keywords(world.caller) == ["b", "z"]


async def test_an_administrator_sees_the_templates_of_all(world):
    made = await world.template(await world.application())
    administrator = msgspec.structs.replace(user("7f" * 12), is_administrator=True)

    page = await world.templates.page(administrator, NAME, frozenset(), None)

    assert [msgspec.json.decode(each)["id"] for each in page.items] == [made]


async def test_deleting_all_of_an_application_leaves_its_templates(world):
    here = await world.plant("Pump")
    made = await world.template(here)

    part = 0
    while await world.store.write(lambda s, p=part: s.resources.purge(here, p, 100)) is not None:
        part += 1

    kept = await world.store.read(lambda s: s.resources.get(KIND, EVERYWHERE, made))
    assert kept.name == "T"
