"""An application as a bundle: read from the store a page at a time, written as it is read."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Struct

from drover.app.transfer import layout, rows_text, yaml_text
from drover.app.transfer.file_content import path_in
from drover.app.transfer.zip_file import ZipWriter
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.data_table import KIND as TABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from drover.kinds.application import Application
    from drover.kinds.data_table import Column
    from drover.model.kind import Kind
    from drover.ports.blobs import Blobs
    from drover.ports.rows import StoredRow
    from drover.ports.store import Session, Store

T = TypeVar("T")

PAGE: Final = 1000
"""Resources read at a time."""
ROWS_PAGE: Final = 5000

OF_APPLICATION: Final = ("name", "description", "endpointDefaultCors", "blobUrlTTL", "globals")
"""What a bundle says of the application itself."""

_FIRST: Final = ""


class Wish(Struct, frozen=True, kw_only=True):
    """What of an application a bundle is to hold beside its definitions."""

    devices: bool = False
    rows: bool = False
    files: bool = False
    private_files: bool = False

    def holds(self, kind: Kind[Any]) -> bool:
        """Tell whether resources of a kind are wanted."""
        left_out = {
            "Device": not self.devices,
            "File": not self.files,
            "PrivateFile": not self.private_files,
        }
        return not left_out.get(kind.exported_as or "", False)


EVERYTHING: Final = Wish(devices=True, rows=True, files=True, private_files=True)


async def nobody(_count: int) -> None:
    """Hear of progress, and tell nobody."""


class Exporter:
    """Writes bundles."""

    def __init__(self, store: Store, kinds: Sequence[Kind[Any]], blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs
        self._kinds = layout.bundled(kinds)

    async def pieces(
        self,
        application_id: str,
        wish: Wish,
        told: Callable[[int], Awaitable[None]] = nobody,
    ) -> AsyncIterator[bytes]:
        """Yield a bundle in pieces; ``told`` hears how many resources and rows were added.

        Raises Missing.
        """
        found = await self._store.read(
            lambda session: session.resources.get(APPLICATION, application_id, application_id)
        )
        writer = ZipWriter()
        _write_application(writer, found)
        async for count in self._all(writer, application_id, wish):
            await told(count)
            if piece := writer.taken():
                yield piece
        yield writer.end()

    async def size(self, application_id: str, wish: Wish) -> int:
        """Return how many resources and rows a bundle would hold."""

        async def work(session: Session) -> int:
            counts = (await session.resources.counts([application_id]))[application_id]
            total = sum(counts.get(kind.one, 0) for kind in self._kinds if wish.holds(kind))
            return total + (await session.rows.count(application_id) if wish.rows else 0)

        return await self._store.read(work)

    async def _all(self, writer: ZipWriter, application_id: str, wish: Wish) -> AsyncIterator[int]:
        for kind in filter(wish.holds, self._kinds):
            async for count in self._kind(writer, kind, application_id, wish):
                yield count
            if kind.content_in:
                async for count in self._contents(writer, kind, application_id):
                    yield count

    def _kind(
        self, writer: ZipWriter, kind: Kind[Any], application_id: str, wish: Wish
    ) -> AsyncIterator[int]:
        if layout.is_listed(kind):
            return self._list(writer, kind, application_id)
        return self._files(writer, kind, application_id, rows=wish.rows and kind is TABLE)

    async def _list(
        self, writer: ZipWriter, kind: Kind[Any], application_id: str
    ) -> AsyncIterator[int]:
        first = await self._page(kind, application_id, _FIRST)
        if not first:
            return
        with writer.file(layout.place_of(kind)) as file:
            async for documents in read_ahead(self._pages(kind, application_id, _FIRST)):
                await asyncio.to_thread(_write_listed, file, kind, documents)
                yield len(documents)

    async def _files(
        self, writer: ZipWriter, kind: Kind[Any], application_id: str, *, rows: bool
    ) -> AsyncIterator[int]:
        paths = layout.Paths(kind)
        async for document in self._each(kind, application_id):
            value = msgspec.json.decode(document)
            path = paths.new(value)
            writer.add(path, yaml_text.dumps(_shown(kind, value)))
            yield 1
            if rows:
                async for count in self._rows(writer, path, document):
                    yield count

    async def _each(self, kind: Kind[Any], application_id: str) -> AsyncIterator[bytes]:
        async for documents in self._pages(kind, application_id, _FIRST):
            for document in documents:
                yield document

    async def _rows(self, writer: ZipWriter, path: str, document: bytes) -> AsyncIterator[int]:
        table = TABLE.load(document)
        with writer.file(layout.rows_beside(path)) as file:
            file.write(rows_text.head(table.columns).encode())
            async for found in read_ahead(self._row_pages(table.id)):
                await asyncio.to_thread(_write_rows, file, table.columns, found)
                yield len(found)

    async def _row_pages(self, table_id: str) -> AsyncIterator[Sequence[StoredRow]]:
        after = (0, "")
        while found := await self._store.read(partial(_rows_after, table_id, after)):
            yield found
            after = (found[-1].created_ms, found[-1].id)

    async def _contents(
        self, writer: ZipWriter, kind: Kind[Any], application_id: str
    ) -> AsyncIterator[int]:
        async for document in self._each(kind, application_id):
            shown = msgspec.json.decode(document)
            key = await self._store.read(partial(_blob_key, kind, application_id, shown["id"]))
            if key and await self._blobs.head(key) is not None:
                await self._content(writer, path_in(kind, shown), key)
                yield 0

    async def _content(self, writer: ZipWriter, path: str, key: str) -> None:
        with writer.file(path) as file:
            async for piece in self._blobs.get_stream(key):
                file.write(piece)

    async def _pages(
        self, kind: Kind[Any], application_id: str, after_id: str
    ) -> AsyncIterator[Sequence[bytes]]:
        while page := await self._page(kind, application_id, after_id):
            yield page
            after_id = msgspec.json.decode(page[-1])["id"]

    async def _page(self, kind: Kind[Any], application_id: str, after_id: str) -> Sequence[bytes]:
        return await self._store.read(
            lambda session: session.resources.after(kind, application_id, after_id, PAGE)
        )


async def _blob_key(
    kind: Kind[Any], application_id: str, file_id: str, session: Session
) -> str | None:
    found = await session.resources.get(kind, application_id, file_id)
    return found.blob_key or None


async def _rows_after(
    table_id: str, after: tuple[int, str], session: Session
) -> Sequence[StoredRow]:
    return await session.rows.after(table_id, after, ROWS_PAGE)


def _write_application(writer: ZipWriter, application: Application) -> None:
    shown = msgspec.json.decode(APPLICATION.shown(application))
    own = {name: shown[name] for name in OF_APPLICATION if name in shown}
    writer.add(layout.APPLICATION, yaml_text.dumps({"id": application.id, **own}))
    readme = application.readme
    if readme is not UNSET and readme.content:
        writer.add(layout.README, readme.content)


async def read_ahead(pages: AsyncIterator[Sequence[T]]) -> AsyncIterator[Sequence[T]]:
    """Yield pages, each next one being read while the one before is worked on."""

    async def following() -> Sequence[T]:
        async for page in pages:
            return page
        return ()

    reading = asyncio.create_task(following())
    try:
        while page := await reading:
            reading = asyncio.create_task(following())
            yield page
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _write_rows(file: IO[bytes], columns: Sequence[Column], found: Sequence[StoredRow]) -> None:
    file.write(rows_text.lines(columns, [row.document for row in found]).encode())


def _write_listed(file: IO[bytes], kind: Kind[Any], documents: Sequence[bytes]) -> None:
    file.write(_listed(kind, documents))


def _listed(kind: Kind[Any], documents: Sequence[bytes]) -> bytes:
    values = map(msgspec.json.decode, documents)
    # Directories come back with what is in them.
    shown = [_shown(kind, each) for each in values if each.get("type") != "directory"]
    return yaml_text.items(shown).encode() if shown else b""


def _shown(kind: Kind[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a bundle holds of a resource."""
    parent = (f"{kind.parent}Id",) if kind.parent else ()
    names = ("id", *parent, *kind.bundled_names)
    return {name: document[name] for name in names if name in document}
