"""Imports of bundles: where they come from, one at a time for an owner, and what is remembered."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Struct, structs

from drover.app.transfer.bringing import Brought, Conflict, Errand, Rule, Tools, bring
from drover.app.transfer.contents import Contents
from drover.app.transfer.export import Wish
from drover.app.transfer.layout import bundled, check_include
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.application import Readme
from drover.model.bundle import ImportFault, ImportLog, ImportSource
from drover.model.errors import DroverError, Duplicate, Forbidden, Invalid, TooMany
from drover.model.instants import to_text
from drover.ports.web import WebFailure, WebRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from drover.app.applications import Owners
    from drover.app.transfer.downloads import Downloads
    from drover.app.transfer.export import Exporter
    from drover.app.transfer.zip_file import ZipLimits
    from drover.kinds.application import Application
    from drover.model.access import Caller
    from drover.ports.store import Session, Store
    from drover.ports.web import Web

HOLD_MS: Final = 300_000
"""How long an import keeps others of its owner waiting when its server was killed."""
RETRY_S: Final = 5
FETCH_MS: Final = 10_000
EVERYTHING: Final = Wish(devices=True, rows=True, files=True, private_files=True)


class Source(Struct, frozen=True, kw_only=True):
    """Where a bundle comes from: one of a file, an address and another application.

    ``wish`` says what is taken of the other application.
    """

    bundle: bytes | None = None
    url: str | None = None
    application_id: str | None = None
    wish: Wish = EVERYTHING

    @property
    def type(self) -> ImportSource:
        """The word for it in logs; raises Invalid unless there is exactly one source."""
        words: tuple[tuple[object, ImportSource], ...] = (
            (self.bundle, "importBundle"),
            (self.url, "importUrl"),
            (self.application_id, "fromApplication"),
        )
        given = [word for value, word in words if value is not None]
        if len(given) != 1:
            raise Invalid("One of importBundle, importUrl and fromApplicationId is needed")
        return given[0]


class Asked(Struct, frozen=True, kw_only=True):
    """What is to be imported and how; ``include`` of None is everything."""

    source: Source
    conflict: Conflict = "create"
    include: tuple[str, ...] | None = None
    dry_run: bool = False
    email: str | None = None
    callback_url: str | None = None
    job_id: str | None = None


class NewOwner(Struct, frozen=True, kw_only=True):
    """Whose a new application is to be, and what it is called; UNSET follows the bundle."""

    owner_id: str
    owner_type: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What imports stand on. ``may_export`` raises where a caller may not read an application."""

    store: Store
    tools: Tools
    exporter: Exporter
    downloads: Downloads
    web: Web
    owners: Owners
    may_export: Callable[[Caller, str], Awaitable[None]]
    limits: ZipLimits
    most_bytes: int


class _DryRun(Exception):
    """Ends a unit of work of which nothing is to stay."""

    def __init__(self, brought: Brought) -> None:
        super().__init__()
        self.brought = brought


class Imports:
    """Brings bundles into applications, all of one or nothing."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._store = around.store
        self._tools = around.tools
        self._kinds = bundled(around.tools.catalog.kinds.values())
        self.most_bytes = around.most_bytes

    async def run(self, caller: Caller, application_id: str, asked: Asked) -> bytes:
        """Bring a bundle into an application and return the application's document.

        Raises Invalid with a flaw for each resource that cannot be stored, Missing, TooMany.
        """
        owner_id = await self._owner_of(application_id)
        log = await self.begin(caller, application_id, owner_id, asked)
        await self._logged(log, self._into(caller, application_id, asked))
        return await self._shown(application_id)

    async def run_new(self, caller: Caller, asked: Asked, owner: NewOwner) -> bytes:
        """Bring a bundle into a new application and return its document.

        Raises what ``run`` does, and Forbidden for an owner that the caller cannot make one for.
        """
        await self._store.read(lambda session: self._check_owner(session, caller, owner))
        application_id = self._tools.ids.new()
        log = await self.begin(caller, application_id, owner.owner_id, asked)
        await self._logged(log, self._as_new(caller, application_id, asked, owner))
        return b"" if asked.dry_run else await self._shown(application_id)

    async def logs(self, application_id: str, since_ms: int, limit: int) -> Sequence[ImportLog]:
        """Return the imports into an application, newest first."""
        return await self._store.read(
            lambda session: session.bundles.logs(application_id, since_ms, limit)
        )

    async def begin(
        self, caller: Caller, application_id: str, owner_id: str, asked: Asked
    ) -> ImportLog:
        """Note that an import begins; raises TooMany while another one of the owner runs."""
        if asked.include is not None:
            check_include(asked.include, self._kinds)
        source = asked.source

        async def work(session: Session) -> ImportLog:
            now_ms = await session.now_ms()
            for overdue in await session.bundles.overdue(owner_id, now_ms):
                await session.bundles.put(_stopped(overdue, now_ms))
            log = ImportLog(
                id=self._tools.ids.new(),
                application_id=application_id,
                import_source_type=source.type,
                status="inProgress",
                run_queued_at=to_text(now_ms),
                run_started_at=to_text(now_ms),
                dry_run=asked.dry_run,
                conflict_behavior=asked.conflict,
                include=asked.include,
                email=asked.email,
                callback_url=asked.callback_url,
                from_application_id=source.application_id,
                import_url=source.url,
                job_id=asked.job_id,
                source_id=caller.id,
                source_type=caller.type,
            )
            await session.bundles.begin(log, owner_id, now_ms + HOLD_MS)
            return log

        try:
            return await self._store.write(work)
        except Duplicate as error:
            raise TooMany(error.message, retry_after_s=RETRY_S) from error

    async def _logged(self, log: ImportLog, act: Awaitable[Brought]) -> None:
        """Act, and note how it ended."""
        try:
            brought = await act
        except DroverError as error:
            await self._end(log, status="errored", **_fault(error))
            raise
        except BaseException:
            fault = ImportFault(name="Error", message="The server failed or was stopped")
            await self._end(log, status="failed", error=fault)
            raise
        await self._end(log, status="completed", **await self._results(log, brought))

    async def _end(self, log: ImportLog, **changes: Any) -> None:
        async def work(session: Session) -> None:
            ended = to_text(await session.now_ms())
            await session.bundles.put(structs.replace(log, run_completed_at=ended, **changes))

        await self._store.write(work)

    async def _results(self, log: ImportLog, brought: Brought) -> dict[str, Any]:
        if not log.dry_run:
            return {}
        report = msgspec.json.encode(brought)
        name = "dryRun.json"
        url = await self._around.downloads.keep(log.application_id, name, _one(report))
        return {"dry_run_results": {"limitErrors": [], "url": url}}

    async def _into(self, caller: Caller, application_id: str, asked: Asked) -> Brought:
        contents = await self._contents(caller, asked)
        rule = Rule(conflict=asked.conflict)
        errand = Errand(caller, application_id, contents, rule)
        return await self._write(asked, lambda session: bring(self._tools, session, errand))

    async def _as_new(
        self, caller: Caller, application_id: str, asked: Asked, owner: NewOwner
    ) -> Brought:
        contents = await self._contents(caller, asked)
        errand = Errand(caller, application_id, contents, Rule(asleep=True))

        async def work(session: Session) -> Brought:
            made = await self._new(session, caller, errand, owner)
            await self._tools.catalog.add(session, caller, APPLICATION, made)
            return await bring(self._tools, session, errand)

        return await self._write(asked, work)

    async def _write(self, asked: Asked, act: Callable[[Session], Awaitable[Brought]]) -> Brought:
        async def work(session: Session) -> Brought:
            brought = await act(session)
            if asked.dry_run:
                raise _DryRun(brought)
            return brought

        try:
            return await self._store.write(work)
        except _DryRun as end:
            return end.brought

    async def _new(
        self, session: Session, caller: Caller, errand: Errand, owner: NewOwner
    ) -> Application:
        given = errand.contents.application
        stamp = self._tools.catalog.stamp(caller, "", await session.now_ms())
        body: dict[str, Any] = {"name": owner.name or given.name or "Imported application"}
        if given.description:
            body["description"] = given.description
        if owner.owner_type == "organization":
            body["orgId"] = owner.owner_id
        made = APPLICATION.create(msgspec.json.encode(body), stamp)
        readme = Readme(content=errand.contents.readme) if errand.contents.readme else UNSET
        return structs.replace(made, id=errand.application_id, readme=readme)

    async def _check_owner(self, session: Session, caller: Caller, owner: NewOwner) -> None:
        owners = await self._around.owners(session, caller)
        if owners.get(owner.owner_id) != owner.owner_type:
            raise Forbidden("Applications cannot be created for this owner", field="ownerId")

    async def _contents(self, caller: Caller, asked: Asked) -> Contents:
        file = await self._file(caller, asked.source)
        return await asyncio.to_thread(
            Contents, file, self._kinds, asked.include, self._around.limits
        )

    async def _file(self, caller: Caller, source: Source) -> IO[bytes]:
        if source.bundle is not None:
            return io.BytesIO(source.bundle)
        if source.url is not None:
            return io.BytesIO(await self._fetched(source.url))
        other = source.application_id or ""
        await self._around.may_export(caller, other)
        pieces = self._around.exporter.pieces(other, source.wish)
        return io.BytesIO(b"".join([piece async for piece in pieces]))

    async def _fetched(self, url: str) -> bytes:
        request = WebRequest(
            method="GET", url=url, timeout_ms=FETCH_MS, most_bytes=self._around.most_bytes
        )
        try:
            answer = await self._around.web.fetch(request)
        except WebFailure as error:
            raise Invalid(f"importUrl cannot be fetched: {error.message}") from error
        if answer.status != 200:  # noqa: PLR2004 - the one that has the file
            raise Invalid(f"importUrl cannot be fetched: it answers {answer.status}")
        return answer.body

    async def _owner_of(self, application_id: str) -> str:
        found = await self._store.read(
            lambda session: session.resources.get(APPLICATION, application_id, application_id)
        )
        return found.owner_id or found.id

    async def _shown(self, application_id: str) -> bytes:
        return await self._tools.catalog.get(APPLICATION, application_id, application_id)


def _stopped(log: ImportLog, now_ms: int) -> ImportLog:
    fault = ImportFault(name="Error", message="The server was stopped; nothing was imported")
    return structs.replace(log, status="failed", run_completed_at=to_text(now_ms), error=fault)


def _fault(error: DroverError) -> dict[str, Any]:
    found: dict[str, Any] = {"error": ImportFault(name=error.code, message=error.message)}
    if isinstance(error, Invalid) and error.flaws:
        found["validation_errors"] = tuple(
            {"type": each.type, "name": each.name, "id": each.id, "message": each.message}
            for each in error.flaws
        )
    return found


async def _one(piece: bytes) -> AsyncIterator[bytes]:
    yield piece
