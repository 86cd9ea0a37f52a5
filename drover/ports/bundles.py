"""The area of the store that remembers imports, and files that wait to be fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.model.bundle import Download, ImportLog


class Bundles(Protocol):
    """Imports of applications, one at a time for an owner, and files to fetch."""

    async def begin(self, log: ImportLog, owner_id: str, until_ms: int) -> None:
        """Store the log of an import that runs until it is put as ended, or that moment.

        Raises Duplicate where another one of the owner runs.
        """
        ...

    async def overdue(self, owner_id: str, now_ms: int) -> Sequence[ImportLog]:
        """Return imports of an owner that should have ended: their server was killed."""
        ...

    async def resume(self, log: ImportLog, owner_id: str, until_ms: int) -> None:
        """Replace the log of one that waited or was stopped, and let it run until then.

        Raises Duplicate where another one of the owner runs.
        """
        ...

    async def hold(self, import_id: str, until_ms: int) -> None:
        """Let an import run until a later moment."""
        ...

    async def put(self, log: ImportLog, *, ended: bool = True) -> None:
        """Replace a log; an ``ended`` one makes room for the owner's next import."""
        ...

    async def logs(self, application_id: str, since_ms: int, limit: int) -> Sequence[ImportLog]:
        """Return the imports into an application since a moment, newest first."""
        ...

    async def add_download(self, download: Download) -> None:
        """Store what may be fetched."""
        ...

    async def download(self, download_id: str) -> Download:
        """Return what may be fetched; raises Missing."""
        ...

    async def past_downloads(self, now_ms: int, limit: int) -> Sequence[Download]:
        """Return some whose time is over."""
        ...

    async def remove_download(self, download_id: str) -> None:
        """Forget one."""
        ...
