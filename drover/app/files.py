"""Files of applications: their tree, their content, and the addresses it is sent to and fetched at.

An entry is made first, then its content is sent to a signed address; a reader sees the old content
or the whole new one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from msgspec import UNSET, structs

from drover.app.catalog import QuietHook
from drover.app.file_triggers import FileTriggers
from drover.app.signed_links import SignedLinks
from drover.kinds.file import KIND as FILE
from drover.kinds.private_file import KIND as PRIVATE
from drover.model.app_file import ancestors, check_part, joined, settled
from drover.model.errors import Conflict, Invalid, Missing, TooLarge, reached
from drover.model.instants import to_text
from drover.ports.resources import Listing
from drover.query.tree import Compare, Operator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from drover.app.catalog import Catalog
    from drover.app.jobs.assembly import Machine
    from drover.model.access import Caller
    from drover.model.app_file import AppFile
    from drover.model.kind import Kind
    from drover.ports.blobs import Blobs
    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Session, Store

MOST_BYTES: Final = 26_214_400
"""The most bytes a file may have."""
UPLOAD_SECONDS: Final = 3600
"""For how long content can be sent to the address that was given out."""
KINDS: Final[Mapping[str, Kind[Any]]] = {"public": FILE, "private": PRIVATE}
_WORDS: Final = {FILE.one: "public", PRIVATE.one: "private"}
_CONTENT: Final = "/content/{place}/{applicationId}/{fileId}"
_UPLOAD: Final = "/uploads/{place}/{applicationId}/{fileId}"
_ALL: Final = 2**31 - 1


class FileTree(QuietHook):
    """Makes the directories that a new entry is in, and notes who made it."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    async def before(
        self, session: Session, caller: Caller, kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the entry with its author; raises Invalid where a file is in the way."""
        if old is not None:
            return new
        signed = structs.replace(new, author_id=caller.id, author_type=caller.type)
        await self.make_above(session, kind, signed)
        return signed

    async def make_above(self, session: Session, kind: Kind[Any], entry: AppFile) -> None:
        """Make those directories above an entry that there are not."""
        for directory, name in ancestors(entry.parent_directory):
            found = await at_path(session, kind, entry.application_id, joined(directory, name))
            if found is None:
                made = structs.replace(
                    entry,
                    id=self._ids.new(),
                    name=name,
                    parent_directory=directory,
                    type="directory",
                    status="completed",
                    **dict.fromkeys(_OF_CONTENT, UNSET),
                )
                await session.resources.add(kind, made)
            elif not found.is_directory:
                raise Invalid(f"{found.path} is a file", field="parentDirectory")


class FileLinks:
    """The addresses of content: open for public files, signed for private ones and for sending."""

    def __init__(self, key: bytes, base_url: str, clock: Clock) -> None:
        self._key = key
        self._base_url = base_url.rstrip("/")
        self._clock = clock

    def fetch(self, kind: Kind[Any], file: AppFile, seconds: int) -> str:
        """Return the address that a file is fetched at."""
        path = _placed(_CONTENT, kind, file)
        if kind is FILE:
            return f"{self._base_url}{path}"
        return self._links(seconds).url(path, f"fetch {file.id}")

    def form(self, kind: Kind[Any], file: AppFile) -> dict[str, Any]:
        """Return where content is sent to, and the fields that go before it."""
        signed = self._links(UPLOAD_SECONDS).url(_placed(_UPLOAD, kind, file), f"send {file.id}")
        url = urlsplit(signed)
        fields = {"bucket": "drover", "key": file.path.lstrip("/"), **dict(parse_qsl(url.query))}
        return {"url": f"{self._base_url}{url.path}", "fields": fields}

    def check(self, act: str, file_id: str, expires: str, signature: str) -> None:
        """Raise Forbidden unless an address was signed here for this and is still good."""
        self._links(0).check(f"{act} {file_id}", expires, signature)

    def _links(self, seconds: int) -> SignedLinks:
        return SignedLinks(self._key, self._base_url, seconds, self._clock)


def files_of(store: Store, catalog: Catalog, machine: Machine) -> Files:
    """Return the use case of files on a machine."""
    links = FileLinks(machine.report_key, machine.public_url, machine.clock)
    return Files(store, catalog, machine.blobs, links, machine.ids)


class Files:
    """Files of applications, with their content."""

    def __init__(
        self, store: Store, catalog: Catalog, blobs: Blobs, links: FileLinks, ids: Ids
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._blobs = blobs
        self._tree = FileTree(ids)
        self._triggers = FileTriggers()
        self.links = links

    async def get(self, kind: Kind[Any], application_id: str, file_id: str) -> AppFile:
        """Return one; raises Missing."""
        return await self._store.read(
            lambda session: session.resources.get(kind, application_id, file_id)
        )

    async def receive(
        self,
        kind: Kind[Any],
        application_id: str,
        file_id: str,
        content: bytes,
        caller: Caller | None = None,
    ) -> AppFile:
        """Store the content of a file and return it; raises Missing, Conflict, Invalid, TooLarge.

        Where the size was told before, it must be this one. Without a ``caller`` it comes from
        whoever made the entry.
        """
        if len(content) > MOST_BYTES:
            raise reached("file_bytes", TooLarge(f"A file may have {MOST_BYTES} bytes"))
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        key = f"files/{application_id}/{file_id}/{etag}"
        await self.get(kind, application_id, file_id)  # no content for what is not there
        await self._blobs.put_stream(key, _whole(content))

        async def work(session: Session) -> tuple[AppFile, Any]:
            old = await session.resources.lock(kind, application_id, file_id)
            _check_fits(old, content)
            new = structs.replace(
                old,
                status="completed",
                file_size=len(content),
                s3etag=etag,
                blob_key=key,
                last_updated=to_text(await session.now_ms()),
            )
            await session.resources.put(kind, new)
            await self._triggers.written(session, caller, kind, old, new)
            return new, old.blob_key

        try:
            new, replaced = await self._store.write(work)
        except (Missing, Conflict, Invalid):
            await self._drop_unused(kind, application_id, file_id, key)
            raise
        if replaced and replaced != key:
            await self._blobs.delete(replaced)
        return new

    async def open(
        self, kind: Kind[Any], application_id: str, file_id: str
    ) -> AsyncIterator[bytes]:
        """Return the content of a file in pieces; raises Missing."""
        file = await self.get(kind, application_id, file_id)
        if not file.blob_key or await self._blobs.head(file.blob_key) is None:
            raise Missing(f"{kind.title} has no content")
        return self._blobs.get_stream(file.blob_key)

    async def delete(
        self, caller: Caller, kind: Kind[Any], application_id: str, file_id: str
    ) -> None:
        """Delete one, a directory with all that is in it; raises Missing."""

        async def work(session: Session) -> Sequence[AppFile]:
            first = await session.resources.lock(kind, application_id, file_id)
            gone = [first, *await _below(session, kind, first)]
            for each in gone:
                await self._catalog.drop(session, caller, kind, each)
            await self._triggers.deleted(session, caller, kind, gone)
            return gone

        for each in await self._store.write(work):
            if each.blob_key:
                await self._blobs.delete(each.blob_key)

    async def move(
        self,
        caller: Caller,
        kind: Kind[Any],
        old: tuple[str, str],
        name: str | None,
        directory: str | None,
    ) -> AppFile:
        """Give a file another name or directory, with all that is in it, and return it.

        ``old`` is the ids of the application and of the file. Raises Missing, Invalid, Duplicate.
        """

        async def work(session: Session) -> AppFile:
            first: AppFile = await session.resources.lock(kind, *old)
            to = first.parent_directory if directory is None else directory
            changes = {"name": name or first.name, "parent_directory": to}
            now = to_text(await session.now_ms())
            moved = settled(first, structs.replace(first, **changes, last_updated=now))
            if f"{moved.path}/".startswith(f"{first.path}/") and moved.path != first.path:
                raise Invalid("A directory cannot be moved into itself", field="parentDirectory")
            inside = await _below(session, kind, first)
            await session.resources.put(kind, moved)
            await self._tree.make_above(session, kind, moved)
            pairs = [(first, moved)]
            for each in inside:
                above = moved.path + each.parent_directory.removeprefix(first.path)
                inner = settled(each, structs.replace(each, parent_directory=above))
                pairs.append((each, inner))
                await session.resources.put(kind, inner)
            await self._triggers.moved(session, caller, kind, pairs)
            return moved

        check_part(name or "file", "name")
        return await self._store.write(work)

    async def exists(self, kind: Kind[Any], application_id: str, directory: str) -> bool:
        """Tell whether there is a directory; the root is always there."""
        path = "/" + directory.strip("/")
        if path == "/":
            return True
        found = await self._store.read(lambda session: at_path(session, kind, application_id, path))
        return found is not None and found.is_directory

    async def _drop_unused(
        self, kind: Kind[Any], application_id: str, file_id: str, key: str
    ) -> None:
        try:
            used = (await self.get(kind, application_id, file_id)).blob_key == key
        except Missing:
            used = False
        if not used:
            await self._blobs.delete(key)


_OF_CONTENT: Final = ("file_size", "content_type", "file_dimensions", "s3etag", "blob_key")


async def at_path(
    session: Session, kind: Kind[Any], application_id: str, path: str
) -> AppFile | None:
    """Return what is at a path, or None."""
    listing = Listing(sort_field="id", within={"name": path}, limit=1)
    found = await session.resources.page(kind, application_id, listing)
    return found.items[0] if found.items else None


async def _below(session: Session, kind: Kind[Any], first: AppFile) -> Sequence[AppFile]:
    if not first.is_directory:
        return ()
    inside = Compare("path", Operator.STARTS_WITH, f"{first.path}/")
    listing = Listing(sort_field="id", query=inside, limit=_ALL)
    return (await session.resources.page(kind, first.application_id, listing)).items


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _check_fits(file: AppFile, content: bytes) -> None:
    if file.is_directory:
        raise Conflict("A directory has no content")
    if file.status == "pending" and file.file_size not in (UNSET, len(content)):
        raise Invalid(f"The file was to have {file.file_size} bytes", field="file")


def _placed(path: str, kind: Kind[Any], file: AppFile) -> str:
    return path.format(place=_WORDS[kind.one], applicationId=file.application_id, fileId=file.id)
