"""Exports: a file that a long task makes of what an application holds, behind a signed link.

Files are for people: text that a spreadsheet would take for a formula is disarmed. One that is
killed is begun again; nobody sees a file before it is whole.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from drover.app.transfer.zip_file import ZipWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from drover.app.archives.files import Piece
    from drover.app.services import Services
    from drover.ports.blobs import Blobs
    from drover.ports.store import Store
    from drover.ports.tasks import Output, Task


@dataclass(frozen=True, slots=True)
class ExportRoom:
    """What exports read from and write to; ``link`` signs the address of a task's file."""

    store: Store
    blobs: Blobs
    link: Callable[[str], str]


class Source(Protocol):
    """What an export is made of."""

    def pieces(self, store: Store, task: Task) -> AsyncIterator[Piece]:
        """Yield the text of the file. Raises Invalid, Missing."""
        ...


class Export:
    """A long task that writes one file and hands back its address."""

    def __init__(self, services: Services, source: Source) -> None:
        self._room = services[ExportRoom]
        self._source = source

    async def run(self, task: Task) -> Output:
        """Return the address of the file, and how much is in it."""
        suffix = "json" if task.input.get("format") == "json" else "csv"
        key = f"exports/{task.id}.{suffix}"
        task.keep(key)
        counted = _Counted(self._source.pieces(self._room.store, task), task)
        size = await self._room.blobs.put_stream(key, counted.chunks())
        return {"downloadUrls": [self._room.link(task.id)], "rows": counted.rows, "size": size}


class ManyFiles(Protocol):
    """What an export of several files is made of."""

    def files(self, store: Store, task: Task) -> AsyncIterator[tuple[str, AsyncIterator[Piece]]]:
        """Yield names and texts of files, each to be read before the next. Raises Invalid."""
        ...


class ZippedExport:
    """A long task that writes several files into a zip file and hands back its address."""

    def __init__(self, services: Services, source: ManyFiles) -> None:
        self._room = services[ExportRoom]
        self._source = source
        self._rows = 0

    async def run(self, task: Task) -> Output:
        """Return the address of the file, and how much is in it."""
        key = f"exports/{task.id}.zip"
        task.keep(key)
        size = await self._room.blobs.put_stream(key, self._packed(task))
        return {"downloadUrls": [self._room.link(task.id)], "rows": self._rows, "size": size}

    async def _packed(self, task: Task) -> AsyncIterator[bytes]:
        writer = ZipWriter()
        async for name, pieces in self._source.files(self._room.store, task):
            with writer.file(name) as file:
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece.text.encode())
                    self._rows += piece.rows
                    yield writer.taken()
            await task.progress(self._rows, self._rows)
        yield writer.end()


class _Counted:
    """Pieces of text as bytes; tells the task how far it is."""

    def __init__(self, pieces: AsyncIterator[Piece], task: Task) -> None:
        self.rows = 0
        self._pieces = pieces
        self._task = task

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes."""
        async for piece in self._pieces:
            self.rows += piece.rows
            await self._task.progress(self.rows, self.rows)
            yield piece.text.encode()


async def listed(documents: Sequence[Any], *, first: bool) -> str:
    """Return documents as members of a JSON list, after those before."""
    text = await asyncio.to_thread(
        lambda: ",\n".join(msgspec.json.encode(each).decode() for each in documents)
    )
    return text if first or not text else f",\n{text}"
