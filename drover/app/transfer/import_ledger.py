"""What is remembered of imports; an owner has one at a time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from drover.model.bundle import ImportFault, ImportLog, ImportStatus
from drover.model.errors import DroverError, Duplicate, Invalid, TooMany, Unavailable
from drover.model.instants import to_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from drover.app.transfer.import_orders import Order
    from drover.app.transfer.repository import RepoSource
    from drover.ports.store import Session, Store

HOLD_MS: Final = 300_000
"""How long an import keeps others of its owner waiting when its server was killed."""
HOLD_S: Final = 60.0
RETRY_S: Final = 5


class ImportLedger:
    """The logs of imports."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, order: Order, status: ImportStatus) -> ImportLog:
        """Note that an import begins; raises TooMany while another one of the owner runs."""

        async def work(session: Session) -> ImportLog:
            now_ms = await session.now_ms()
            for overdue in await session.bundles.overdue(order.keeper_id, now_ms):
                await session.bundles.put(_stopped(overdue, now_ms))
            log = _log(order, status, to_text(now_ms))
            await session.bundles.begin(log, order.keeper_id, now_ms + HOLD_MS)
            return log

        try:
            return await self._store.write(work)
        except Duplicate as error:
            raise TooMany(error.message, retry_after_s=RETRY_S) from error

    async def resume(self, order: Order, job_id: str) -> ImportLog:
        """Note that a job begins, or goes on with, an import; raises Unavailable as ``begin``."""

        async def work(session: Session) -> ImportLog:
            now_ms = await session.now_ms()
            now = to_text(now_ms)
            log = structs.replace(_log(order, "inProgress", now), job_id=job_id)
            await session.bundles.resume(log, order.keeper_id, now_ms + HOLD_MS)
            return log

        try:
            return await self._store.write(work)
        except Duplicate as error:
            raise Unavailable(error.message) from error

    @asynccontextmanager
    async def kept(self, log: ImportLog) -> AsyncIterator[dict[str, Any]]:
        """Keep others of the owner waiting, and note at the end how it went.

        What is put in the value given goes into the log.
        """
        results: dict[str, Any] = {}
        holding = asyncio.create_task(self._hold(log.id))
        try:
            yield results
        except DroverError as error:
            await self.end(log, status="errored", **_fault(error))
            raise
        except BaseException:
            fault = ImportFault(name="Stopped", message="It was stopped; nothing of it stays")
            await self.end(log, status="failed", error=fault)
            raise
        finally:
            holding.cancel()
            await asyncio.wait({holding})
        await self.end(log, status="completed", **results)

    async def end(self, log: ImportLog, **changes: Any) -> None:
        """Note how an import ended."""

        async def work(session: Session) -> None:
            ended = to_text(await session.now_ms())
            await session.bundles.put(structs.replace(log, run_completed_at=ended, **changes))

        await self._store.write(work)

    async def page(self, application_id: str, since_ms: int, limit: int) -> Sequence[ImportLog]:
        """Return the imports into an application, newest first."""
        return await self._store.read(
            lambda session: session.bundles.logs(application_id, since_ms, limit)
        )

    async def _hold(self, import_id: str) -> None:
        async def work(session: Session) -> None:
            await session.bundles.hold(import_id, await session.now_ms() + HOLD_MS)

        while True:
            await asyncio.sleep(HOLD_S)
            await self._store.write(work)


def _log(order: Order, status: ImportStatus, now: str) -> ImportLog:
    return ImportLog(
        id=order.import_id,
        application_id=order.application_id,
        import_source_type=order.source_type,
        status=status,
        run_queued_at=now,
        run_started_at=None if status == "queued" else now,
        dry_run=order.dry_run,
        conflict_behavior=order.conflict,
        include=order.include,
        email=order.email,
        callback_url=order.callback_url,
        from_application_id=order.from_application_id,
        import_url=order.url,
        imported_file_url=order.imported_file_url,
        credential_name=None if order.repo is None else order.repo.credential_name,
        repo=None if order.repo is None else _place(order.repo),
        source_id=order.by.id,
        source_type=order.by.type,
    )


def _place(repo: RepoSource) -> dict[str, Any]:
    return {"branch": repo.branch, "directory": repo.directory}


def _stopped(log: ImportLog, now_ms: int) -> ImportLog:
    fault = ImportFault(name="Stopped", message="The server was stopped; nothing was imported")
    return structs.replace(log, status="failed", run_completed_at=to_text(now_ms), error=fault)


def fault_of(error: DroverError) -> ImportFault:
    """Return why an import ended as its log tells it."""
    return ImportFault(name=error.code, message=error.message)


def _fault(error: DroverError) -> dict[str, Any]:
    found: dict[str, Any] = {"error": fault_of(error)}
    if isinstance(error, Invalid) and error.flaws:
        found["validation_errors"] = tuple(each.shown for each in error.flaws)
    return found
