"""Imports in the process of the test: the use cases, and the long tasks that they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from drover.app.tasks import application_import
from drover.app.transfer.import_orders import Asked
from drover.app.transfer.imports import Imports
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.device import KIND as DEVICE
from drover.ports.resources import Listing
from tests.support.catalog_server import CatalogServer, user

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from drover.app.long_tasks import LongTask
    from drover.app.transfer.import_orders import Done, Source
    from drover.model.bundle import ImportLog


class Run:
    """One run of a long task, as the runner would give it."""

    def __init__(self, store: Any, asked: Any, folder: str, application_id: str | None) -> None:
        self.id = "e" * 24
        self.input = msgspec.to_builtins(asked)
        self.application_id = application_id
        self.checkpoint: Any = None
        self.folder = folder
        self.told: list[tuple[int, int]] = []
        self._store = store

    async def progress(self, done: int, total: int, _note: str = "") -> None:
        """Remember what was told."""
        self.told.append((done, total))

    async def step(self, work: Any) -> Any:
        """Do a step that is done once."""
        self.checkpoint = await self._store.write(work)
        return self.checkpoint


class World:
    """A server's use cases, and the tasks that were asked for."""

    def __init__(self, database: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = CatalogServer(database)
        self.store = self.server.heart.store
        self.imports = self.server.services[Imports]
        self.caller = user()
        self.folder = folder
        self.asked: list[tuple[LongTask, Any]] = []

        async def begin(_caller: Any, task: LongTask, asked: Any) -> str:
            self.asked.append((task, asked))
            return "j" * 24

        monkeypatch.setattr(self.imports._around.tasks, "begin", begin)

    async def application(self, name: str = "Here") -> str:
        """Make an application and return its id."""
        return await self.create(APPLICATION, "", name=name)

    async def create(self, kind: Any, application_id: str, **body: Any) -> str:
        """Make a resource and return its id."""
        given = msgspec.json.encode(body)
        document = await self.server.catalog.create(self.caller, kind, application_id, given)
        made: str = msgspec.json.decode(document)["id"]
        return made

    async def queue(self, application_id: str, source: Source, **changes: Any) -> Done:
        """Ask for an import as a job."""
        asked = Asked(source=source, **{"force_job": True, **changes})
        return await self.imports.run(self.caller, application_id, asked, application_import.TASK)

    def run(self) -> tuple[LongTask, Any]:
        """Return the first task that was asked for, and a run of it."""
        task, asked = self.asked.pop(0)
        self.folder.mkdir(exist_ok=True)
        return task, Run(self.store, asked.input, str(self.folder), asked.application_id)

    async def names(self, application_id: str) -> list[str]:
        """Return the names of an application's devices."""
        listing = Listing(sort_field="name")
        page = await self.store.read(
            lambda session: session.resources.page(DEVICE, application_id, listing)
        )
        return [each.name for each in page.items]

    async def log(self, application_id: str) -> ImportLog:
        """Return the newest log of an import."""
        return (await self.imports.logs(application_id, 0, 1))[0]
