"""Where what a notebook leaves goes: rows of tables, files of the application, addresses."""

from __future__ import annotations

import asyncio
import mimetypes
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from drover.app.files import KINDS, at_path
from drover.app.files import MOST_BYTES as MOST_FILE_BYTES
from drover.app.notebooks import left_files, table_text
from drover.app.rows import MOST_ROWS, TableRows
from drover.kinds import notebook as kinds
from drover.kinds.data_table import KIND as TABLE
from drover.model.app_file import joined
from drover.model.errors import Invalid
from drover.ports.notebooks import RESULT, WORK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from drover.app.catalog import Catalog
    from drover.app.notebooks.room import NotebookRoom
    from drover.app.notebooks.texts import Texts
    from drover.model.access import Caller
    from drover.ports.store import Session

_ANYTHING: Final = "application/octet-stream"
_TYPES: Final = {".ipynb": "application/x-ipynb+json", ".log": "text/plain"}
_NO_PDF: Final = "result.pdf is not offered: take result.html"
_FETCH_SECONDS: Final = 604_800


@dataclass(frozen=True, slots=True)
class Left:
    """A file that goes into the application: its content, and the path that it gets."""

    content: bytes
    directory: str
    name: str
    private: bool


@dataclass(frozen=True, slots=True)
class Outputs:
    """Takes in what one run left in its folder."""

    room: NotebookRoom
    catalog: Catalog
    rows: TableRows
    caller: Caller
    application_id: str
    folder: Path
    texts: Texts

    async def take(self, given: kinds.Output) -> dict[str, Any]:
        """Take one in and return what it is called and what became of it.

        Raises Invalid, Missing, TooLarge, Duplicate.
        """
        match given:
            case kinds.ToTable():
                return await self._to_table(given)
            case kinds.ToFile():
                name = self.texts.name(given.file_name)
                content = await self._read(WORK, name)
                return await self._keep(name, self._left(given, content, name))
            case kinds.ToDirectory():
                return await self._to_directory(given)
            case kinds.OfRun():
                return await self._of_run(given)
            case kinds.ToUrl():
                name = self.texts.name(given.file_name)
                return await self._linked(name, await self._read(WORK, name))

    async def _to_table(self, given: kinds.ToTable) -> dict[str, Any]:
        name, table_id = self.texts.name(given.file_name), self.texts.id(given.data_table_id)
        content = await self._read(WORK, name)
        names, rows = await asyncio.to_thread(table_text.parsed, content)
        where = (self.application_id, table_id)
        table = await self._table(table_id)
        for column in table_text.unknown(table, names, rows):
            if not given.create_missing_columns:
                raise Invalid(f"The table has no column {column.name[:255]}", field="columns")
            await self.rows.add_column(self.caller, *where, column)
        table = await self._table(table_id)
        documents = await asyncio.to_thread(table_text.documents, table, names, rows)
        if given.truncate_existing_table:
            await self.rows.truncate(*where)
        for first in range(0, len(documents), MOST_ROWS):
            body = msgspec.json.encode(documents[first : first + MOST_ROWS])
            await self.rows.insert(self.caller, *where, body)
        return {"name": name, "size": len(content), "contentType": "text/csv"}

    async def _table(self, table_id: str) -> Any:
        return await self.room.store.read(
            lambda session: session.resources.get(TABLE, self.application_id, table_id)
        )

    async def _to_directory(self, given: kinds.ToDirectory) -> dict[str, Any]:
        name = self.texts.name(given.directory_name)
        paths = await asyncio.to_thread(left_files.listed, self.folder / WORK, name)
        directory = self.texts.text(given.destination_directory_template)
        size = 0
        for path in paths:
            content = await self._read(WORK, path)
            *above, last = path.split("/")[1:]
            place = "/".join([directory.rstrip("/"), *above])
            await self._store(Left(content, place, last, given.destination_private))
            size += len(content)
        return {"name": name, "size": size, "contentType": _ANYTHING}

    async def _of_run(self, given: kinds.OfRun) -> dict[str, Any]:
        name = given.file_name
        if name == "result.pdf":
            raise Invalid(_NO_PDF, field="fileName")
        content = await self._read(RESULT, name)
        if (given.destination_directory_template, given.destination_file_name_template) == (
            UNSET,
            UNSET,
        ):
            return await self._linked(name, content)
        return await self._keep(name, self._left(given, content, name))

    def _left(self, given: kinds.ToFile | kinds.OfRun, content: bytes, name: str) -> Left:
        directory, called = (
            default if template is UNSET else self.texts.text(template)
            for template, default in (
                (given.destination_directory_template, "/"),
                (given.destination_file_name_template, name),
            )
        )
        return Left(content, directory, called, given.destination_private)

    async def _keep(self, name: str, left: Left) -> dict[str, Any]:
        url = await self._store(left)
        found = {"name": name, "size": len(left.content), "contentType": _content_type(left.name)}
        return {**found, "url": url}

    async def _store(self, left: Left) -> str:
        """Make a file of the application, or give one that is there a new content."""
        kind, own = KINDS["private" if left.private else "public"], self.application_id
        directory = "/" + "/".join(part for part in left.directory.split("/") if part)
        path = joined(directory, left.name)
        found = await self.room.store.read(partial(_at, path=path, kind=kind, own=own))
        if found is None:
            entry = {
                "name": left.name,
                "type": "file",
                "parentDirectory": directory,
                "contentType": _content_type(left.name),
            }
            body = msgspec.json.encode(entry)
            document = await self.catalog.create(self.caller, kind, own, body)
            found = kind.load(document)
        if found.is_directory:
            raise Invalid(f"{path[:255]} is a directory", field="destinationFileNameTemplate")
        kept = await self.room.files.receive(kind, own, found.id, left.content, self.caller)
        return self.room.files.links.fetch(kind, kept, _FETCH_SECONDS)

    async def _linked(self, name: str, content: bytes) -> dict[str, Any]:
        url = await self.room.downloads.keep(self.application_id, name, _one(content))
        return {"name": name, "size": len(content), "contentType": _content_type(name), "url": url}

    async def _read(self, part: str, path: str) -> bytes:
        return await asyncio.to_thread(left_files.read, self.folder / part, path, MOST_FILE_BYTES)


def info_of(taken: Mapping[str, Any]) -> dict[str, Any]:
    """Return what logs say of an output."""
    return {name: value for name, value in taken.items() if name != "name"}


def _content_type(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or _ANYTHING


async def _at(session: Session, *, path: str, kind: Any, own: str) -> Any:
    return await at_path(session, kind, own, path)


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content
