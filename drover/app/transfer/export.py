"""An application as a bundle: read from the store a page at a time, written as it is read."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Struct

from drover.app.transfer import layout, rows_text, yaml_text
from drover.app.transfer.file_content import path_in
from drover.app.transfer.lost_references import LostReferences
from drover.app.transfer.zip_file import ZipWriter
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.data_table import KIND as TABLE

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Mapping,
        Sequence,
    )

    from drover.kinds.application import Application
    from drover.kinds.data_table import Column
    from drover.model.kind import Kind, Parted
    from drover.ports.blobs import Blobs
    from drover.ports.rows import StoredRows
    from drover.ports.store import Session, Store

T = TypeVar("T")

PAGE: Final = 1000
"""Resources read at a time."""
PAGE_CHARS: Final = 1_000_000
"""About as many characters of rows are read at a time."""
LEAST_ROWS: Final = 100
MOST_ROWS: Final = 5000
"""Rows read at a time, whatever their size."""

OF_APPLICATION: Final = ("name", "description", "endpointDefaultCors", "blobUrlTTL", "globals")
"""What a bundle says of the application itself."""

_FIRST: Final = ""
_BEFORE_ALL: Final = (0, "")


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
        self._lost = {each.one: LostReferences(each, self._kinds) for each in self._kinds}

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
            return self._lists(writer, kind, application_id)
        return self._files(writer, kind, application_id, rows=wish.rows and kind is TABLE)

    async def _lists(
        self, writer: ZipWriter, kind: Kind[Any], application_id: str
    ) -> AsyncIterator[int]:
        for path, value in layout.lists_of(kind).items():
            if not await self._are_there(kind, application_id, value):
                continue
            pages = _counted(self._pages(kind, application_id, value))
            with writer.file(path) as file:
                async for count in _written(file, pages, partial(_listed, kind)):
                    yield count
            if parted := kind.parted:
                documents = self._each(kind, application_id, value)
                await _write_texts(writer, parted, path, documents)

    async def _are_there(self, kind: Kind[Any], application_id: str, part: str | None) -> bool:
        async for documents in self._pages(kind, application_id, part):
            if _listed(kind, documents):
                return True
        return False

    async def _files(
        self, writer: ZipWriter, kind: Kind[Any], application_id: str, *, rows: bool
    ) -> AsyncIterator[int]:
        paths = layout.Paths(layout.place_of(kind))
        async for document in self._each(kind, application_id):
            value = msgspec.json.decode(document)
            path = paths.new(value)
            if kind.bundled_apart:
                value |= await self._apart(kind, application_id, value["id"])
            writer.add(path, yaml_text.dumps(_shown(kind, value)))
            yield 1
            if kind.content_beside:
                await self._content_of(writer, kind, value, path)
            if rows:
                async for count in self._rows(writer, path, document):
                    yield count

    async def _each(
        self, kind: Kind[Any], application_id: str, part: str | None = None
    ) -> AsyncIterator[bytes]:
        async for documents in self._pages(kind, application_id, part):
            for document in documents:
                yield document

    async def _rows(self, writer: ZipWriter, path: str, document: bytes) -> AsyncIterator[int]:
        table = TABLE.load(document)
        with writer.file(layout.rows_beside(path)) as file:
            file.write(rows_text.head(table.columns).encode())
            pages = self._row_pages(table.id)
            async for count in _written(file, pages, partial(_lines, table.columns)):
                yield count

    async def _row_pages(self, table_id: str) -> AsyncGenerator[tuple[int, StoredRows]]:
        after, limit = _BEFORE_ALL, LEAST_ROWS
        while found := await self._store.read(partial(_rows_after, table_id, after, limit)):
            yield found.total, found
            after = found.last
            fitting = PAGE_CHARS * found.total // len(found.documents)
            limit = max(LEAST_ROWS, min(fitting, MOST_ROWS))

    async def _contents(
        self, writer: ZipWriter, kind: Kind[Any], application_id: str
    ) -> AsyncIterator[int]:
        async for document in self._each(kind, application_id):
            await self._content_of(writer, kind, msgspec.json.decode(document))
            yield 0

    async def _content_of(
        self, writer: ZipWriter, kind: Kind[Any], shown: Mapping[str, Any], path: str = ""
    ) -> None:
        key = await self._store.read(partial(_blob_key, kind, shown["applicationId"], shown["id"]))
        if key and await self._blobs.head(key) is not None:
            await self._content(writer, path_in(kind, shown, path), key)

    async def _apart(
        self, kind: Kind[Any], application_id: str, resource_id: str
    ) -> dict[str, Any]:
        """Return what a bundle holds of a resource that its document does not show."""
        found = await self._store.read(
            lambda session: session.resources.get(kind, application_id, resource_id)
        )
        held = {kind.wire_names[name]: getattr(found, name) for name in kind.bundled_apart}
        return {name: value for name, value in held.items() if value is not UNSET}

    async def _content(self, writer: ZipWriter, path: str, key: str) -> None:
        with writer.file(path) as file:
            async for piece in self._blobs.get_stream(key):
                file.write(piece)

    async def _pages(
        self, kind: Kind[Any], application_id: str, part: str | None = None
    ) -> AsyncGenerator[Sequence[bytes]]:
        """Yield the documents of a kind, or of the part of its list that is named."""
        after_id = _FIRST
        while page := await self._page(kind, application_id, after_id):
            after_id = msgspec.json.decode(page[-1])["id"]
            if found := page if part is None else _of_part(kind, page, part):
                yield found

    async def _page(self, kind: Kind[Any], application_id: str, after_id: str) -> Sequence[bytes]:
        async def work(session: Session) -> Sequence[bytes]:
            found = await session.resources.after(kind, application_id, after_id, PAGE)
            return await self._lost[kind.one].out_of(session, application_id, found)

        return await self._store.read(work)


async def _blob_key(
    kind: Kind[Any], application_id: str, file_id: str, session: Session
) -> str | None:
    found = await session.resources.get(kind, application_id, file_id)
    return found.blob_key or None


async def _rows_after(
    table_id: str, after: tuple[int, str], limit: int, session: Session
) -> StoredRows | None:
    return await session.rows.after(table_id, after, limit)


def _write_application(writer: ZipWriter, application: Application) -> None:
    shown = msgspec.json.decode(APPLICATION.shown(application))
    own = {name: shown[name] for name in OF_APPLICATION if name in shown}
    writer.add(layout.APPLICATION, yaml_text.dumps({"id": application.id, **own}))
    readme = application.readme
    if readme is not UNSET and readme.content:
        writer.add(layout.README, readme.content)


async def read_ahead(items: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """Yield items, each next one being made while the one before is worked on."""

    async def following() -> T | None:
        return await anext(items, None)

    making = asyncio.create_task(following())
    try:
        while (item := await making) is not None:
            making = asyncio.create_task(following())
            yield item
    finally:
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)
        await items.aclose()


async def _written(
    file: IO[bytes],
    pages: AsyncGenerator[tuple[int, T]],
    shown: Callable[[T], bytes],
) -> AsyncIterator[int]:
    """Write pages into a file of a bundle; yield how much each held.

    One is read while the one before it is put into words, and packed while the next one is: the
    store and the packer need no interpreter, so that two processors are busy.
    """
    async with aclosing(read_ahead(_in_words(read_ahead(pages), shown))) as texts:
        async for count, text in texts:
            await asyncio.to_thread(file.write, text)
            yield count


async def _in_words(
    pages: AsyncGenerator[tuple[int, T]], shown: Callable[[T], bytes]
) -> AsyncGenerator[tuple[int, bytes]]:
    async with aclosing(pages):
        async for count, page in pages:
            yield count, await asyncio.to_thread(shown, page)


async def _counted(pages: AsyncGenerator[Sequence[T]]) -> AsyncGenerator[tuple[int, Sequence[T]]]:
    async for page in pages:
        yield len(page), page


def _lines(columns: Sequence[Column], found: StoredRows) -> bytes:
    return rows_text.lines(columns, found).encode()


def _listed(kind: Kind[Any], documents: Sequence[bytes]) -> bytes:
    values = map(msgspec.json.decode, documents)
    # Directories come back with what is in them.
    shown = [_shown(kind, each) for each in values if each.get("type") != "directory"]
    return yaml_text.items(shown).encode() if shown else b""


def _shown(kind: Kind[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a bundle holds of a resource, without a text that has a file of its own."""
    parent = (f"{kind.parent}Id",) if kind.parent else ()
    apart = kind.parted.text if kind.parted else ""
    names = ("id", *parent, *kind.bundled_names)
    return {name: document[name] for name in names if name in document and name != apart}


def _of_part(kind: Kind[Any], documents: Sequence[bytes], part: str) -> Sequence[bytes]:
    by = kind.parted.by if kind.parted else ""
    return [each for each in documents if msgspec.json.decode(each).get(by) == part]


async def _write_texts(
    writer: ZipWriter, parted: Parted, path: str, documents: AsyncIterator[bytes]
) -> None:
    """Write the texts of the resources in the list at a path, each into a file."""
    files = layout.texts_beside(path, parted)
    async for document in documents:
        value = msgspec.json.decode(document)
        writer.add(files.new(value), value.get(parted.text, ""))
