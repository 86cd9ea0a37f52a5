"""Imports of bundles and files to fetch, in the tables of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from drover.model.bundle import Download, ImportLog
from drover.model.errors import Duplicate, Missing
from drover.model.instants import to_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.store.driver import Transaction

KEPT_LOGS: Final = 100
"""Imports of an application that are remembered."""

_LOG: Final = msgspec.json.Decoder(ImportLog).decode


class BundleStore:
    """Bundles within one transaction; see ``drover.ports.bundles.Bundles``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def begin(self, log: ImportLog, owner_id: str, until_ms: int) -> None:
        """Store the log of an import; raises Duplicate where another one of the owner runs."""
        await self._tx.execute(
            "import_log_forget", {"application_id": log.application_id, "kept": KEPT_LOGS - 1}
        )
        values = {
            "application_id": log.application_id,
            "id": log.id,
            "owner_id": owner_id,
            "queued_ms": to_ms(log.run_queued_at),
            "running_until_ms": until_ms,
            "document": _json(log),
        }
        if not await self._tx.execute("import_log_add", values):
            raise Duplicate("Another import of this owner is in progress")

    async def overdue(self, owner_id: str, now_ms: int) -> Sequence[ImportLog]:
        """Return imports of an owner that should have ended: their server was killed."""
        params = {"owner_id": owner_id, "now_ms": now_ms}
        return [_LOG(row["document"]) for row in await self._tx.fetch("import_log_overdue", params)]

    async def resume(self, log: ImportLog, owner_id: str, until_ms: int) -> None:
        """Replace the log of one that waited or was stopped, and let it run until then.

        Raises Duplicate where another one of the owner runs.
        """
        values = {"id": log.id, "running_until_ms": until_ms, "document": _json(log)}
        values |= {"owner_id": owner_id}
        if not await self._tx.execute("import_log_resume", values):
            raise Duplicate("Another import of this owner is in progress")

    async def hold(self, import_id: str, until_ms: int) -> None:
        """Let an import run until a later moment."""
        await self._tx.execute("import_log_hold", {"id": import_id, "running_until_ms": until_ms})

    async def put(self, log: ImportLog, *, ended: bool = True) -> None:
        """Replace a log; an ``ended`` one makes room for the owner's next import."""
        statement = "import_log_end" if ended else "import_log_put"
        await self._tx.execute(statement, {"id": log.id, "document": _json(log)})

    async def logs(self, application_id: str, since_ms: int, limit: int) -> Sequence[ImportLog]:
        """Return the imports into an application since a moment, newest first."""
        params = {"application_id": application_id, "since_ms": since_ms, "limit": limit}
        return [_LOG(row["document"]) for row in await self._tx.fetch("import_log_list", params)]

    async def add_download(self, download: Download) -> None:
        """Store what may be fetched."""
        await self._tx.execute("download_add", msgspec.to_builtins(download))

    async def download(self, download_id: str) -> Download:
        """Return what may be fetched; raises Missing."""
        row = await self._tx.fetch_one("download_get", {"id": download_id})
        if row is None:
            raise Missing("The file was not found")
        return msgspec.convert(dict(row), Download)

    async def past_downloads(self, now_ms: int, limit: int) -> Sequence[Download]:
        """Return some whose time is over."""
        rows = await self._tx.fetch("download_past", {"now_ms": now_ms, "limit": limit})
        return [msgspec.convert(dict(row), Download) for row in rows]

    async def remove_download(self, download_id: str) -> None:
        """Forget one."""
        await self._tx.execute("download_remove", {"id": download_id})


def _json(log: ImportLog) -> str:
    return msgspec.json.encode(log).decode()
