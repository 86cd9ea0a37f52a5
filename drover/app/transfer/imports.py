"""Imports of bundles into applications, now or as a job: all of a bundle or nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from msgspec import structs

from drover.app.long_tasks import Asked as TaskAsked
from drover.app.transfer.bringing import Brought, Errand, Rule, Tools, bring, settings_of
from drover.app.transfer.contents import Contents, flawed
from drover.app.transfer.import_ledger import fault_of
from drover.app.transfer.import_orders import By, Done, Order
from drover.app.transfer.layout import bundled, check_include, names_of
from drover.app.transfer.sources import one_piece
from drover.kinds.application import KIND as APPLICATION
from drover.model.errors import DroverError, Forbidden, Invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from drover.app.applications import Owners
    from drover.app.long_tasks import LongTask, LongTasks
    from drover.app.transfer.downloads import Downloads
    from drover.app.transfer.file_content import FileContents, Kept
    from drover.app.transfer.import_ledger import ImportLedger
    from drover.app.transfer.import_orders import Asked, NewOwner
    from drover.app.transfer.sources import Sources
    from drover.kinds.application import Application
    from drover.model.access import Caller
    from drover.ports.store import Session, Store
    from drover.ports.tasks import Task

    Work = Callable[[Session], Awaitable[Brought]]

MOST_TEMPLATE_IDS: Final = 1000
"""Templates that an application remembers."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What imports stand on."""

    store: Store
    tools: Tools
    sources: Sources
    downloads: Downloads
    ledger: ImportLedger
    files: FileContents
    owners: Owners
    tasks: LongTasks


class _DryRun(Exception):
    """Ends a unit of work of which nothing is to stay."""

    def __init__(self, brought: Brought) -> None:
        super().__init__()
        self.brought = brought


class Imports:
    """Brings bundles into applications."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._store = around.store
        self._tools = around.tools
        self._ledger = around.ledger
        self._kinds = bundled(around.tools.catalog.kinds.values())
        self.names = names_of(self._kinds)
        self.logs = around.ledger.page
        self.most_bytes = around.sources.most_bytes

    async def run(self, caller: Caller, application_id: str, asked: Asked, task: LongTask) -> Done:
        """Bring a bundle in now, or have ``task`` do it where it is large.

        Raises Invalid with a flaw for each resource that cannot be stored, Missing, TooMany, and
        Forbidden for an owner that the caller cannot make an application for.
        """
        if asked.include is not None:
            check_include(asked.include, self.names)
        order = await self._order(caller, application_id, asked)
        found = await self._around.sources.find(caller, order.application_id, asked.source)
        if found.is_large and asked.dry_run and asked.owner is not None:
            return Done(requires_job=True)
        if asked.force_job or found.is_large:
            return await self._later(order, asked, task, found.file)
        log = await self._ledger.begin(order, "inProgress")
        async with self._ledger.kept(log) as results:
            file = found.file or await self._around.sources.made(order)
            brought = await self._bring(caller, order, file, self._store.write)
            results.update(await self._results(order, brought))
        if asked.dry_run and asked.owner is not None:
            return Done()
        shown = await self._tools.catalog.get(APPLICATION, *[order.application_id] * 2)
        return Done(document=shown)

    async def carry_out(self, task: Task) -> dict[str, Any]:
        """Do what a job was asked to; raises Unavailable while another one of the owner runs."""
        order = msgspec.convert(task.input["order"], Order)
        if task.checkpoint is None:
            log = await self._ledger.resume(order, task.id)
            async with self._ledger.kept(log) as results:
                brought = await self._in_task(task, order)
                results.update(await self._results(order, brought))
        return {"applicationId": order.application_id, "validationErrors": []}

    async def _order(self, caller: Caller, application_id: str, asked: Asked) -> Order:
        """Return what is asked for in full; raises Missing, Forbidden."""
        source = asked.source
        return Order(
            import_id=self._tools.ids.new(),
            application_id=self._tools.ids.new() if asked.owner else application_id,
            keeper_id=await self._keeper(caller, application_id, asked.owner),
            by=By(type=caller.type, id=caller.id, user_id=caller.user_id, org_id=caller.org_id),
            source_type=source.type,
            from_application_id=source.application_id,
            template_id=source.template_id,
            url=source.url,
            repo=source.repo,
            wish=source.wish,
            conflict=asked.conflict,
            include=asked.include,
            without=asked.without,
            dry_run=asked.dry_run,
            owner=asked.owner,
            email=",".join(asked.listeners.emails) or None,
            callback_url=asked.listeners.callback_url,
        )

    async def _keeper(self, caller: Caller, application_id: str, owner: NewOwner | None) -> str:
        """Return the id of the owner who has one import at a time."""

        async def work(session: Session) -> str:
            if owner is not None:
                await self._check_owner(session, caller, owner)
                return owner.owner_id
            key = (APPLICATION, application_id, application_id)
            found = await session.resources.get(*key)
            return found.owner_id or found.id

        return await self._store.read(work)

    async def _check_owner(self, session: Session, caller: Caller, owner: NewOwner) -> None:
        owners = await self._around.owners(session, caller)
        if owners.get(owner.owner_id) != owner.owner_type:
            raise Forbidden("Applications cannot be created for this owner", field="ownerId")

    async def _later(
        self, order: Order, asked: Asked, task: LongTask, file: IO[bytes] | None
    ) -> Done:
        """Have a job do it; raises TooMany."""
        log = await self._ledger.begin(order, "queued")
        about = order.from_application_id if order.owner else order.application_id
        try:
            if file is not None:
                file.seek(0)
                kept = (about or "", "bundle.zip", one_piece(file.read()), order.import_id)
                url = await self._around.downloads.keep(*kept)
                order = structs.replace(order, imported_file_url=url)
            wanted = TaskAsked(
                application_id=about,
                input={"order": msgspec.to_builtins(order)},
                listeners=asked.listeners,
            )
            job_id = await self._around.tasks.begin(order.by.caller(), task, wanted)
        except DroverError as error:
            await self._ledger.end(log, status="errored", error=fault_of(error))
            raise
        return Done(job_id=job_id)

    async def _in_task(self, task: Task, order: Order) -> Brought:
        folder = Path(task.folder)
        file = await self._around.sources.in_folder(order, self._around.downloads, folder)
        kept: list[Brought] = []

        async def store(work: Work) -> Brought:
            async def step(session: Session) -> Any:
                kept[:] = [await work(session)]
                return msgspec.to_builtins(kept[0])

            await task.step(step)
            return kept[0]

        try:
            return await self._bring(order.by.caller(), order, file, store)
        finally:
            file.close()

    async def _bring(
        self,
        caller: Caller,
        order: Order,
        file: IO[bytes],
        store: Callable[[Work], Awaitable[Brought]],
    ) -> Brought:
        limits = self._around.sources.limits
        try:
            include = self._included(order)
            contents = await asyncio.to_thread(Contents, file, self._kinds, include, limits)
        except Invalid as error:
            raise flawed(error) from error
        rule = Rule(conflict=order.conflict, asleep=order.owner is not None)
        files = {} if order.dry_run else await self._keep(contents, order)
        errand = Errand(caller, order.application_id, contents, rule, files)

        async def work(session: Session) -> Brought:
            if order.owner is not None:
                made = await self._new(session, errand, order.owner)
                await self._tools.catalog.add(session, caller, APPLICATION, made)
            brought = await bring(self._tools, session, errand)
            if order.template_id is not None:
                await self._note_template(session, errand, order.template_id)
            if order.dry_run:
                raise _DryRun(brought)
            return brought

        try:
            return await store(work)
        except _DryRun as end:
            return end.brought

    def _included(self, order: Order) -> Collection[str] | None:
        if not order.without:
            return order.include
        wanted = self.names if order.include is None else order.include
        return set(wanted) - set(order.without)

    async def _keep(self, contents: Contents, order: Order) -> dict[str, Kept]:
        return await self._around.files.keep(contents, order.application_id)

    async def _new(self, session: Session, errand: Errand, owner: NewOwner) -> Application:
        given = errand.contents.application
        stamp = self._tools.catalog.stamp(errand.caller, "", await session.now_ms())
        body: dict[str, Any] = {"name": owner.name or given.name or "Imported application"}
        body |= owner.given
        if owner.owner_type == "organization":
            body["orgId"] = owner.owner_id
        made = APPLICATION.create(msgspec.json.encode(body), stamp)
        changes = settings_of(errand, made, stamp.now_ms)
        return structs.replace(made, **changes, id=errand.application_id)

    async def _note_template(self, session: Session, errand: Errand, template_id: str) -> None:
        key = (APPLICATION, errand.application_id, errand.application_id)
        old = await session.resources.lock(*key)
        earlier = [each for each in old.applied_template_ids or () if each != template_id]
        applied = (*earlier, template_id)[-MOST_TEMPLATE_IDS:]
        new = structs.replace(old, applied_template_ids=applied)
        await self._tools.catalog.change(session, errand.caller, APPLICATION, old, new)

    async def _results(self, order: Order, brought: Brought) -> dict[str, Any]:
        """Return what the log of an import says of what it did, or would have done."""
        names = tuple(brought.without_secret)
        found: dict[str, Any] = {"credentials_without_secret": names} if names else {}
        if order.dry_run:
            report = one_piece(msgspec.json.encode(brought))
            url = await self._around.downloads.keep(order.application_id, "dryRun.json", report)
            found["dry_run_results"] = {"limitErrors": [], "url": url}
        return found
