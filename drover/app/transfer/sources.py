"""Where bundles come from: sent, fetched from an address, made of another application."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from drover.app.transfer.contents import flawed
from drover.app.transfer.zip_file import ZipReader
from drover.model.errors import Invalid
from drover.ports.web import WebFailure, WebRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from drover.app.transfer.downloads import Downloads
    from drover.app.transfer.export import Exporter
    from drover.app.transfer.import_orders import Order, Source
    from drover.app.transfer.repository import RepositoryExports, RepoSource
    from drover.app.transfer.zip_file import ZipLimits
    from drover.model.access import Caller
    from drover.ports.blobs import Blobs
    from drover.ports.web import Web

SMALL: Final = 10_000
"""Resources and rows that are brought in, or exported, while the caller waits."""
SMALL_BYTES: Final = 1_000_000
"""Bytes of an unpacked bundle that is brought in while the caller waits."""
FETCH_MS: Final = 10_000
_FOUND: Final = 200


@dataclass(frozen=True, slots=True)
class Found:
    """A bundle that is here, or none where it is made later; whether a job is to bring it in."""

    file: IO[bytes] | None
    is_large: bool


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Gets bundles. ``may_export`` raises where a caller may not read an application."""

    exporter: Exporter
    repositories: RepositoryExports
    blobs: Blobs
    web: Web
    may_export: Callable[[Caller, str], Awaitable[None]]
    limits: ZipLimits
    most_bytes: int

    async def find(self, caller: Caller, application_id: str, source: Source) -> Found:
        """Return the bundle that an application is to get; raises Invalid, Missing, Forbidden."""
        if source.repo is not None:
            await self.repositories.check(application_id, source.repo.credential_name)
            return Found(None, is_large=True)
        if source.application_id is not None:
            await self.may_export(caller, source.application_id)
            size = await self.exporter.size(source.application_id, source.wish)
            return Found(None, size > SMALL)
        file = io.BytesIO(await self._content(source))
        try:
            opened = await asyncio.to_thread(ZipReader, file, self.limits)
        except Invalid as error:
            raise flawed(error) from error
        return Found(file, opened.size > SMALL_BYTES)

    async def made(self, order: Order) -> IO[bytes]:
        """Return a bundle of a small application, made now."""
        pieces = self.exporter.pieces(order.from_application_id or "", order.wish)
        return io.BytesIO(b"".join([piece async for piece in pieces]))

    async def in_folder(self, order: Order, downloads: Downloads, folder: Path) -> IO[bytes]:
        """Return the bundle of a job as a file in its folder; raises Missing."""
        if order.repo is not None:
            return await self._of_repository(order, order.repo, folder)
        if order.from_application_id is not None:
            pieces = self.exporter.pieces(order.from_application_id, order.wish)
        else:
            pieces = downloads.content(order.import_id)
        file = await asyncio.to_thread((folder / "bundle.zip").open, "w+b")
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)
        return file

    async def _of_repository(self, order: Order, repo: RepoSource, folder: Path) -> IO[bytes]:
        path = await self.repositories.fetch(order.application_id, repo, str(folder))
        if path.stat().st_size > self.most_bytes:
            raise Invalid(f"What the repository holds has more than {self.most_bytes} bytes")
        return await asyncio.to_thread(path.open, "rb")

    async def _content(self, source: Source) -> bytes:
        if source.bundle is not None:
            return source.bundle
        if source.template_id is not None:
            return await joined(self.blobs.get_stream(template_key(source.template_id)))
        return await self._fetched(source.url or "")

    async def _fetched(self, url: str) -> bytes:
        request = WebRequest(method="GET", url=url, timeout_ms=FETCH_MS, most_bytes=self.most_bytes)
        try:
            answer = await self.web.fetch(request)
        except WebFailure as error:
            raise Invalid(f"importUrl cannot be fetched: {error.message}") from error
        if answer.status != _FOUND:
            raise Invalid(f"importUrl cannot be fetched: it answers {answer.status}")
        return answer.body


def template_key(template_id: str) -> str:
    """Return the key of a template's bundle."""
    return f"templates/{template_id}.zip"


async def joined(pieces: AsyncIterator[bytes]) -> bytes:
    """Return all pieces as one."""
    return b"".join([piece async for piece in pieces])


async def one_piece(piece: bytes) -> AsyncIterator[bytes]:
    """Yield a content that is there already."""
    yield piece
