"""The long task that runs a notebook: inputs, cells, outputs, with what becomes of it noted.

One that is killed is begun again from its inputs; nobody sees outputs before the cells have run.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, structs

from drover.app.catalog import Catalog
from drover.app.devices import Devices
from drover.app.flow_caller import led_to
from drover.app.notebooks.ended import tell_of
from drover.app.notebooks.inputs import Inputs
from drover.app.notebooks.outputs import Outputs, info_of
from drover.app.notebooks.room import NotebookRoom, RunFailed
from drover.app.notebooks.texts import Texts
from drover.app.rows import TableRows
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.notebook import KIND, OfRun
from drover.model.errors import DroverError, Invalid
from drover.model.instants import to_text
from drover.ports.notebooks import NOTEBOOK, WORK, NotebooksUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.services import Services
    from drover.kinds.notebook import Notebook, Output
    from drover.model.run import Execution
    from drover.ports.notebooks import NotebookEnd
    from drover.ports.store import Session
    from drover.ports.tasks import Output as TaskOutput
    from drover.ports.tasks import Task

RETRIED: Final = "Unavailable"


@dataclass
class Notes:
    """What logs say of a run, as it goes on; stored at each stage."""

    input_info: dict[str, Any]
    output_info: dict[str, Any]
    errors: list[dict[str, str]]
    moments: dict[str, str]

    @property
    def document(self) -> dict[str, Any]:
        """All of it, as JSON."""
        return {
            "inputInfo": self.input_info,
            "outputInfo": self.output_info,
            "executionErrors": self.errors,
            **self.moments,
        }


class RunNotebook:
    """Runs a notebook as it is when the run begins."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def _room(self) -> NotebookRoom:
        return self._services[NotebookRoom]

    async def run(self, task: Task) -> TaskOutput:
        """Return what logs say of the run; raises RunFailed, Invalid, Missing."""
        notes = Notes({}, {}, [], {})
        notebook = await asked_for(self._room, task)
        texts = Texts(await context(self._room, task, notebook))
        folder = Path(task.folder)
        await self._lay_out(task, notebook, texts, notes)
        end = await self._cells(task, notebook, folder)
        notes.moments["notebookCompletedAt"] = await self._now()
        if end.end != "completed":
            notes.errors.append({"name": end.name, "message": end.message})
        outputs = Outputs(
            self._room,
            self._services[Catalog],
            self._services[TableRows],
            led_to("notebook", notebook.id, task.input.get("depth", 0)),
            task.application_id,
            folder,
            texts,
        )
        await self._take(outputs, _wanted(notebook, end), notes)
        notes.moments["outputsCompletedAt"] = await self._now()
        await task.save(notes.document)
        if notes.errors:
            raise RunFailed(notes.errors[0]["name"], notes.errors[0]["message"])
        return notes.document

    async def ended(self, session: Session, task: Execution) -> None:
        """Tell the workflows that wait for the notebook."""
        await tell_of(session, task)

    async def _lay_out(self, task: Task, notebook: Notebook, texts: Texts, notes: Notes) -> None:
        """Write the notebook and its inputs."""
        folder = Path(task.folder)
        if notebook.blob_key is UNSET:
            raise Invalid("The notebook has no file: upload one first")
        file = await asyncio.to_thread((folder / NOTEBOOK).open, "wb")
        with file:
            async for chunk in self._room.blobs.get_stream(notebook.blob_key):
                await asyncio.to_thread(file.write, chunk)
        notes.input_info |= await written(self._services, task, notebook, texts)
        notes.moments["inputsCompletedAt"] = await self._now()
        await task.save(notes.document)

    async def _cells(self, task: Task, notebook: Notebook, folder: Path) -> NotebookEnd:
        async def told(done: int, total: int) -> None:
            await task.progress(done, total, "cells")

        wants_html = any(
            isinstance(each, OfRun) and each.file_name == "result.html" for each in notebook.outputs
        )
        bounds = structs.replace(self._room.bounds, html=wants_html)
        try:
            return await self._room.cage.run(str(folder), bounds, told)
        except NotebooksUnavailable as error:
            raise RunFailed("NotebooksUnavailable", str(error)) from error

    async def _take(self, outputs: Outputs, wanted: Sequence[Output], notes: Notes) -> None:
        for each in wanted:
            try:
                taken = await outputs.take(each)
            except DroverError as error:
                if error.code == RETRIED:
                    raise
                notes.errors.append({"name": error.code, "message": error.message})
            else:
                notes.output_info[taken["name"]] = info_of(taken)

    async def _now(self) -> str:
        return await _now(self._room)


async def asked_for(room: NotebookRoom, task: Task) -> Notebook:
    """Return the notebook of a task; raises Missing."""
    notebook_id = task.input["notebookId"]
    return await room.store.read(
        lambda session: session.resources.get(KIND, task.application_id, notebook_id)
    )


async def context(room: NotebookRoom, task: Task, notebook: Notebook) -> dict[str, Any]:
    """Return what the templates of a notebook are rendered over."""
    given = context_of(task.input.get("templateContext"))
    own = task.application_id
    application = await room.store.read(
        lambda session: session.resources.get(APPLICATION, own, own)
    )
    return {
        **given,
        "ctx": given,
        "application": {"id": application.id, "name": application.name},
        "notebook": {"id": notebook.id, "name": notebook.name},
        "execution": {
            "id": task.id,
            "runStartedAt": await _now(room),
            "relativeTo": to_text(task.input["relativeTo"]),
        },
    }


async def written(
    services: Services, task: Task, notebook: Notebook, texts: Texts
) -> dict[str, dict[str, int]]:
    """Write the input files of a notebook into the folder of a task; return their sizes."""
    folder = Path(task.folder) / WORK
    await asyncio.to_thread(folder.mkdir)
    inputs = Inputs(
        services[NotebookRoom],
        services[Devices],
        task.application_id,
        task.input["relativeTo"],
        texts,
    )
    found: dict[str, dict[str, int]] = {}
    for each in notebook.inputs:
        name, size = await inputs.write(each, folder)
        found[name] = {"size": size}
        await task.progress(0, 0, f"inputs: {len(found)}")
    return found


async def _now(room: NotebookRoom) -> str:
    return to_text(await room.store.read(lambda session: session.now_ms()))


def _wanted(notebook: Notebook, end: NotebookEnd) -> Sequence[Output]:
    """Return the outputs to take: of a run that failed, only what tells how."""
    if end.end == "completed":
        return notebook.outputs
    if end.end == "timeout":
        return ()
    return [each for each in notebook.outputs if isinstance(each, OfRun)]


def context_of(text: str | None) -> Mapping[str, Any]:
    """Return a context for templates; raises Invalid for what is no JSON object."""
    try:
        found = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError as error:
        raise Invalid("templateContext must be a JSON object", field="templateContext") from error
    if not isinstance(found, dict):
        raise Invalid("templateContext must be a JSON object", field="templateContext")
    return found
