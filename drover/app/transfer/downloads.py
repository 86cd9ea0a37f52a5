"""Files that are made for somebody: kept for a while, fetched by a signed address."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from drover.model.bundle import Download
from drover.model.errors import Missing

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from drover.app.signed_links import SignedLinks
    from drover.ports.blobs import Blobs
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store

PATH: Final = "/downloads/{downloadId}"
BATCH: Final = 100


class Downloads:
    """Keeps files and gives their addresses out; they are good for ``seconds``."""

    def __init__(
        self, store: Store, blobs: Blobs, links: SignedLinks, ids: Ids, seconds: int
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._links = links
        self._ids = ids
        self._seconds = seconds

    async def keep(
        self, application_id: str, name: str, pieces: AsyncIterable[bytes], own_id: str = ""
    ) -> str:
        """Store a file and return its address; one with an id of its own replaces what has it."""
        download_id = await self.put(application_id, name, pieces, own_id)
        return self._links.url(PATH.format(downloadId=download_id), download_id)

    async def put(
        self, application_id: str, name: str, pieces: AsyncIterable[bytes], own_id: str = ""
    ) -> str:
        """Store a file as ``keep`` does and return its id, by which ``content`` finds it."""
        download_id = own_id or self._ids.new()
        key = _key(download_id)

        async def work(session: Session) -> None:
            expires_ms = await session.now_ms() + self._seconds * 1000
            await session.bundles.remove_download(download_id)
            await session.bundles.add_download(
                Download(
                    id=download_id,
                    application_id=application_id,
                    key=key,
                    name=name,
                    expires_ms=expires_ms,
                )
            )

        # Noted first: a file that nobody knows of would never be deleted.
        await self._store.write(work)
        await self._blobs.put_stream(key, pieces)
        return download_id

    async def open(
        self, download_id: str, expires: str, signature: str
    ) -> tuple[str, AsyncIterator[bytes]]:
        """Return a file's name and its content in pieces; raises Forbidden, Missing."""
        self._links.check(download_id, expires, signature)
        found = await self._store.read(lambda session: session.bundles.download(download_id))
        if await self._blobs.head(found.key) is None:
            raise Missing("The file was not found")
        return found.name, self._blobs.get_stream(found.key)

    def content(self, download_id: str) -> AsyncIterator[bytes]:
        """Return the content of what was kept under an id; raises Missing."""
        return self._blobs.get_stream(_key(download_id))

    async def tick(self) -> float | None:
        """Delete files whose time is over; return 0 when there may be more."""
        now_ms = await self._store.read(lambda session: session.now_ms())
        past = await self._store.read(lambda session: session.bundles.past_downloads(now_ms, BATCH))
        for each in past:
            await self._blobs.delete(each.key)
            await self._store.write(partial(_forget, each.id))
        return 0.0 if len(past) == BATCH else None


def _key(download_id: str) -> str:
    return f"downloads/{download_id}"


async def _forget(download_id: str, session: Session) -> None:
    await session.bundles.remove_download(download_id)
