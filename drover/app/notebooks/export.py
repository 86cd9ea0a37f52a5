"""The input files of a notebook, for somebody who writes one: packed into one file."""

from __future__ import annotations

import asyncio
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from drover.app.notebooks.room import NotebookRoom
from drover.app.notebooks.run import asked_for, context, written
from drover.app.notebooks.texts import Texts
from drover.ports.notebooks import WORK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from drover.app.services import Services
    from drover.ports.tasks import Output, Task

_CHUNK: Final = 1 << 20


class ExportInputs:
    """A long task that hands back the address of a notebook's input files."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def run(self, task: Task) -> Output:
        """Return the address, and how large each file is."""
        room = self._services[NotebookRoom]
        notebook = await asked_for(room, task)
        texts = Texts(await context(room, task, notebook))
        sizes = await written(self._services, task, notebook, texts)
        packed = Path(task.folder) / "inputs.zip"
        await asyncio.to_thread(_pack, Path(task.folder) / WORK, packed)
        own, name = task.application_id, f"{notebook.id}-inputs.zip"
        url = await room.downloads.keep(own, name, _pieces(packed), own_id=task.id)
        return {"downloadUrls": [url], "inputInfo": sizes}


def _pack(folder: Path, packed: Path) -> None:
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    with file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
