"""What happens to files and notebooks is told to the workflows that wait for it, and no others."""

import msgspec
import pytest

from drover.app.files import Files, at_path
from drover.app.notebooks.ended import tell_of
from drover.app.notebooks.minutes import RUN_KIND
from drover.app.workflows import MOST_DEPTH
from drover.kinds.file import KIND as FILE
from drover.kinds.flow import KIND as FLOW
from drover.kinds.notebook import KIND as NOTEBOOK
from drover.kinds.private_file import KIND as PRIVATE
from drover.model.run import Actor
from drover.model.task import Ending, NewTask
from drover.store.flows import FlowStore
from tests.contract.flow_host_world import World
from tests.support.catalog_server import user

WRITE = {
    "directory": "/logs/day", "name": "a.txt", "contentType": "", "contents": "x", "url": "",
    "encoding": "utf8", "overwrites": True, "private": False,
}  # fmt: skip


@pytest.fixture
async def world(database):
    return await World(database).prepare()


async def waiting(world, trigger_type, *keys):
    triggers = [{"type": trigger_type, "key": key, "outputIds": []} for key in keys]
    await world.make(FLOW, {"name": "Waits", "triggers": triggers})


async def told(world, trigger_type="appFile"):
    """What was told: key, data and root of each firing."""
    found = await world.firings(trigger_type)
    return [
        (each.key, msgspec.json.decode(each.data), msgspec.json.decode(each.root)) for each in found
    ]


async def test_a_file_is_told_once_it_has_content_by_each_key_that_is_waited_for(world):
    await waiting(world, "appFile", "/", "/logs/", "/logs/day/a.txt", "/other/", "/logs")

    await world.result("file.create", **WRITE)

    found = await told(world)
    assert sorted(key for key, _, _ in found) == ["/", "/logs/", "/logs/day/a.txt"]
    _, data, root = found[0]
    assert (data["action"], data["file"]["name"]) == ("create", "a.txt")
    assert set(data["file"]["creationDate"]) == {"$date"}
    assert (root["triggerId"], root["$place"]) == ("/logs/day/a.txt", "public")
    assert (root["relayType"], root["relayId"]) == ("flow", world.flow)


async def test_nothing_is_told_where_nobody_waits(world):
    await world.result("file.create", **WRITE)

    assert await told(world) == []


async def test_new_content_is_an_update_and_a_private_file_is_told_as_one(world):
    await waiting(world, "appFile", "/")
    await world.result("file.create", **{**WRITE, "private": True})
    await world.result("file.create", **{**WRITE, "private": True, "contents": "y"})

    found = await told(world)
    assert [data["action"] for _, data, _ in found] == ["create", "update"]
    assert {root["$place"] for _, _, root in found} == {"private"}


async def test_another_name_is_a_file_gone_and_a_new_one(world):
    await waiting(world, "appFile", "/")
    made = await world.result("file.create", **WRITE)
    files = world.server.services[Files]
    await world.firings()

    await files.move(user(), FILE, (world.application, made["id"]), "b.txt", None)
    await files.move(user(), FILE, (world.application, made["id"]), "b.txt", None)

    found = await told(world)
    assert [(data["action"], data["file"]["name"]) for _, data, _ in found] == [
        ("delete", "a.txt"),
        ("create", "b.txt"),
    ]
    assert found[0][2]["relayType"] == "user"


async def test_a_directory_that_is_moved_or_deleted_tells_of_the_files_in_it(world):
    await waiting(world, "appFile", "/")
    await world.result("file.create", **WRITE)
    await world.make(FILE, {"name": "pending", "type": "file", "parentDirectory": "/logs"})
    files = world.server.services[Files]
    directory = await _id_of(world, "/logs")
    await world.firings()

    await files.move(user(), FILE, (world.application, directory), "old", None)
    await files.delete(user(), FILE, world.application, directory)

    assert [(data["action"], root["triggerId"]) for _, data, root in await told(world)] == [
        ("delete", "/logs/day/a.txt"),
        ("create", "/old/day/a.txt"),
        ("delete", "/old/day/a.txt"),
    ]


async def test_who_waits_is_asked_once_for_all_files_of_a_directory(world, monkeypatch):
    await waiting(world, "appFile", "/new/b.txt")
    for name in ("a.txt", "b.txt", "c.txt"):
        await world.result("file.create", **{**WRITE, "name": name})
    files = world.server.services[Files]
    directory = await _id_of(world, "/logs/day")
    asked = _counted(monkeypatch)

    await files.move(user(), FILE, (world.application, directory), "new", "/")
    moved = len(asked)
    await files.delete(user(), FILE, world.application, directory)

    assert (moved, len(asked)) == (1, 2)
    assert [(key, data["action"]) for key, data, _ in await told(world)] == [
        ("/new/b.txt", "create"),
        ("/new/b.txt", "delete"),
    ]


def _counted(monkeypatch):
    """Note each time that the store is asked which triggers there are."""
    asked = []
    for name in ("awaited", "awaited_keys", "keys"):
        real = getattr(FlowStore, name)

        async def noted(self, *given, real=real):
            asked.append(given)
            return await real(self, *given)

        monkeypatch.setattr(FlowStore, name, noted)
    return asked


async def _id_of(world, path):
    found = await world.store.read(lambda s: at_path(s, FILE, world.application, path))
    return found.id


async def test_content_that_is_sent_without_a_token_is_its_authors(world):
    await waiting(world, "appFile", "/")
    file_id = await world.make(PRIVATE, {"name": "sent", "type": "file"})

    await world.server.services[Files].receive(PRIVATE, world.application, file_id, b"x")

    ((_, _, root),) = await told(world)
    assert (root["relayType"], root["relayId"]) == ("user", user().id)


async def test_files_that_workflows_write_for_each_other_come_to_an_end(world):
    await waiting(world, "appFile", "/")

    await world.result("file.create", depth=MOST_DEPTH, **WRITE)

    assert await told(world) == []


# ---------------------------------------------------------------------- notebooks


async def ran(world, notebook_id, *, ended=None, depth=0):
    """Have a run of a notebook stored, ended and told."""
    given = {"notebookId": notebook_id, "relativeTo": 0, "maxAllowedRunMinutes": 1, "depth": depth}
    new = NewTask(
        id="7" * 24, kind=RUN_KIND, name="NotebookExecution", application_id=world.application,
        resource_type="notebook", resource_id=notebook_id, input=given,
        source=Actor(type="user", id="5" * 24),
    )  # fmt: skip

    async def work(session):
        task = await session.tasks.add(new, 1)
        await session.tasks.note_end(task.number, ended or Ending(output={}))
        await tell_of(session, task)

    await world.store.write(work)


async def test_a_run_of_a_notebook_that_ends_is_told(world):
    notebook_id = await world.make(NOTEBOOK, {"name": "Sums"})
    await waiting(world, "notebook", notebook_id)

    await ran(world, notebook_id)

    ((key, data, root),) = await told(world, "notebook")
    assert key == notebook_id
    assert data["notebook"]["name"] == "Sums"
    assert data["execution"]["notebookExecutionId"] == "7" * 24
    assert data["success"] is False  # the row is still queued here
    assert (root["relayType"], root["relayId"]) == ("notebook", notebook_id)


async def test_runs_of_notebooks_and_workflows_that_lead_to_each_other_come_to_an_end(world):
    notebook_id = await world.make(NOTEBOOK, {"name": "Sums"})
    await waiting(world, "notebook", notebook_id)

    await ran(world, notebook_id, depth=MOST_DEPTH)
    (last,) = await world.firings("notebook")
    assert last.depth == MOST_DEPTH


async def test_a_notebook_that_is_gone_tells_nobody(world):
    await waiting(world, "notebook", "9" * 24)

    await ran(world, "9" * 24)

    assert await told(world, "notebook") == []
