"""The content of an application's files: into a bundle, and out of one again."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct, structs

from drover.app.transfer.layout import beside
from drover.app.transfer.sources import one_piece
from drover.model.app_file import joined
from drover.model.bundle import Download

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.app.transfer.contents import Contents
    from drover.model.kind import Kind
    from drover.ports.blobs import Blobs
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store

HOUR_MS: Final = 3_600_000
"""After which content that no import took is deleted."""


class Kept(Struct, frozen=True):
    """Content that is stored, but is no file's yet; ``id`` is that of the note of it."""

    id: str
    key: str
    size: int
    etag: str

    def within(self, file: Any) -> Any:
        """Return a file, or another resource that has one, with this content."""
        content = {
            "status": "completed",
            "file_size": self.size,
            "s3etag": self.etag,
            "blob_key": self.key,
        }
        own = {name: value for name, value in content.items() if name in file.__struct_fields__}
        return structs.replace(file, **own)


def path_in(kind: Kind[Any], document: Mapping[str, Any], path: str = "") -> str:
    """Return where the content of a file, or of the resource at a path, lies in a bundle."""
    if kind.content_beside:
        return beside(path, kind.content_beside)
    return kind.content_in + joined(
        str(document.get("parentDirectory", "/")), str(document["name"])
    )


def has_content(kind: Kind[Any]) -> bool:
    """Tell whether resources of a kind have files of their own in a bundle."""
    return bool(kind.content_in or kind.content_beside)


class FileContents:
    """Stores the content of a bundle's files before they are stored themselves.

    Each is noted as something to be deleted; the unit of work that stores its file takes the note
    away.
    """

    def __init__(self, store: Store, blobs: Blobs, ids: Ids) -> None:
        self._store = store
        self._blobs = blobs
        self._ids = ids

    async def keep(self, contents: Contents, application_id: str) -> dict[str, Kept]:
        """Store the content of all files and return it by their old ids."""
        found: dict[str, Kept] = {}
        for kind in contents.kinds:
            for given in contents.given[kind.one] if has_content(kind) else ():
                document = msgspec.json.decode(given.document)
                content = contents.content(path_in(kind, document, given.path))
                if content is not None:
                    found[given.id] = await self._one(application_id, content)
        return found

    async def _one(self, application_id: str, content: bytes) -> Kept:
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        own_id = self._ids.new()
        kept = Kept(own_id, f"files/{application_id}/{own_id}/{etag}", len(content), etag)
        await self._store.write(partial(_note, application_id, kept))
        await self._blobs.put_stream(kept.key, one_piece(content))
        return kept


async def _note(application_id: str, kept: Kept, session: Session) -> None:
    await session.bundles.add_download(
        Download(
            id=kept.id,
            application_id=application_id,
            key=kept.key,
            name="content",
            expires_ms=await session.now_ms() + HOUR_MS,
        )
    )
