"""Workflows that start each other through a notebook come to an end, on each database."""

from pathlib import Path

import pytest
from msgspec import structs

from drover.app.catalog import Catalog
from drover.app.devices import Devices
from drover.app.files import Files
from drover.app.notebooks.room import NotebookRoom
from drover.app.notebooks.run import RunNotebook
from drover.app.rows import TableRows
from drover.app.services import Services
from drover.app.workflows import MOST_DEPTH
from drover.kinds.data_table import KIND as TABLE
from drover.kinds.flow import KIND as FLOW
from drover.kinds.notebook import KIND as NOTEBOOK
from drover.ports.notebooks import WORK, Bounds, NotebookEnd
from tests.contract.flow_host_world import World
from tests.support.catalog_server import MemoryBlobs


class Cage:
    """Runs no cell, and leaves a table."""

    async def run(self, folder, _bounds, _told):
        (Path(folder) / WORK / "rows.csv").write_text("n\n7\n")
        return NotebookEnd(end="completed")


class Asked:
    """A task that asks for a notebook, as far as workflows led to it."""

    def __init__(self, world, notebook_id, folder, depth):
        self.application_id, self.id, self.folder = world.application, "8" * 24, str(folder)
        self.input = {"notebookId": notebook_id, "relativeTo": 0}
        if depth:
            self.input["depth"] = depth

    async def save(self, _notes):
        pass

    async def progress(self, *_told):
        pass


@pytest.fixture
async def world(database):
    return await World(database).prepare()


async def notebook(world):
    columns = [{"name": "n", "dataType": "number", "constraint": "optional"}]
    table = await world.make(TABLE, {"name": "Rows", "columns": columns})
    rows = {"outputType": "dataTable", "fileName": "rows.csv", "dataTableId": table}
    file = {"outputType": "file", "fileName": "rows.csv", "destinationFileNameTemplate": "r.csv"}
    made = await world.make(NOTEBOOK, {"name": "Sums", "outputs": [rows, file]})
    await world.store.write(lambda session: _with_content(session, world.application, made))
    waits = [("dataTable", table), ("appFile", "/")]
    triggers = [{"type": name, "key": key, "outputIds": []} for name, key in waits]
    await world.make(FLOW, {"name": "Waits", "triggers": triggers})
    return made


async def _with_content(session, application_id, notebook_id):
    old = await session.resources.lock(NOTEBOOK, application_id, notebook_id)
    await session.resources.put(NOTEBOOK, structs.replace(old, blob_key="cells"))


async def run(world, notebook_id, folder, depth=0):
    own = world.server.services
    blobs = MemoryBlobs()
    blobs.objects["cells"] = b"{}"
    bounds = Bounds(seconds=1, memory_bytes=1, disk_bytes=1)
    room = NotebookRoom(
        store=world.store, blobs=blobs, files=own[Files], downloads=None, links=None,
        web=None, cage=Cage(), bounds=bounds,
    )  # fmt: skip
    services = Services(room, own[Catalog], own[TableRows], own[Devices])
    await RunNotebook(services).run(Asked(world, notebook_id, folder, depth))


@pytest.mark.parametrize("depth", [0, 1, MOST_DEPTH])
async def test_what_a_notebook_leaves_starts_workflows_one_deeper_than_those_before_it(
    world, tmp_path, depth
):
    made = await notebook(world)

    await run(world, made, tmp_path, depth)

    found = await world.firings()
    assert [(each.trigger_type, each.depth) for each in found] == [
        ("dataTable", depth),
        ("appFile", depth),
    ]


async def test_a_notebook_that_too_many_workflows_led_to_starts_none(world, tmp_path):
    made = await notebook(world)

    await run(world, made, tmp_path, MOST_DEPTH + 1)

    assert await world.firings() == []
