"""Application templates: made of applications, seen by their owners or all, brought into others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET, structs

from drover.app.tasks.application_template import TASK
from drover.app.transfer.export import Wish
from drover.app.transfer.import_orders import Asked, NewOwner, Source
from drover.app.transfer.sources import template_key
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.application_template import EVERYWHERE, KIND
from drover.model.errors import Forbidden, Missing, TooLarge, TooMany, reached
from drover.ports.resources import Listing
from drover.query.fields import Field, FieldType, compare
from drover.query.filters import by_glob
from drover.query.tree import ALL, Compare, In, Node, Operator, all_of, any_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from msgspec import Struct

    from drover.app.applications import Owners
    from drover.app.catalog import Catalog
    from drover.app.long_tasks import Listeners
    from drover.app.transfer.export import Exporter
    from drover.app.transfer.import_orders import Done
    from drover.app.transfer.imports import Imports
    from drover.kinds.application import Application
    from drover.kinds.application_template import ApplicationTemplate
    from drover.model.access import Caller
    from drover.ports.blobs import Blobs
    from drover.ports.resources import Page
    from drover.ports.store import Session, Store

MOST_PARTS: Final = 100_000
"""Resources and rows that a template may hold: it is made while the caller waits."""
MOST_OF_OWNER: Final = 1000
MOST_KEYWORDS: Final = 100
"""Keywords that are told: those of the most templates."""
PAGE: Final = 1000


@dataclass(frozen=True, kw_only=True)
class TemplateSurroundings:
    """What templates stand on; ``may_export`` raises where a caller may not read an application."""

    store: Store
    catalog: Catalog
    exporter: Exporter
    blobs: Blobs
    imports: Imports
    owners: Owners
    may_export: Callable[[Caller, str], Awaitable[None]]


class Templates:
    """Makes templates, shows them, and brings them into applications.

    One is seen, changed and deleted by those who may make applications for its owner and by
    administrators; a public one is seen by everybody.
    """

    def __init__(self, around: TemplateSurroundings) -> None:
        self._around = around
        self._store = around.store
        self._catalog = around.catalog

    async def page(
        self, caller: Caller, listing: Listing, keywords: frozenset[str], category_id: str | None
    ) -> Page[bytes]:
        """Return one page of those with all ``keywords`` that the caller sees."""
        wanted = [_has("keywords", each) for each in sorted(keywords)]
        if category_id is not None:
            wanted.append(_has("categoryIds", category_id))
        matching = by_glob(listing.filter_field, listing.filter)

        async def work(session: Session) -> Page[bytes]:
            seen = _seen_by(await self._owners(session, caller))
            query = all_of([matching, *wanted, seen])
            narrowed = replace(listing, query=query)
            return await session.resources.page_bytes(KIND, EVERYWHERE, narrowed)

        return await self._store.read(work)

    async def keywords(self, caller: Caller) -> list[str]:
        """Return the keywords of what the caller sees, in order; at most those used most."""

        async def work(session: Session) -> Counter[str]:
            query = _seen_by(await self._owners(session, caller))
            listing = Listing(sort_field="id", limit=PAGE, query=query)
            counted: Counter[str] = Counter()
            while items := (await session.resources.page(KIND, EVERYWHERE, listing)).items:
                for each in items:
                    counted.update(set(each.keywords))
                listing = replace(listing, offset=listing.offset + PAGE)
            return counted

        counted = await self._store.read(work)
        most = sorted(counted, key=lambda each: (-counted[each], each))[:MOST_KEYWORDS]
        return sorted(most)

    async def get(self, caller: Caller, template_id: str) -> bytes:
        """Return the document of one; raises Missing."""

        async def work(session: Session) -> bytes:
            found = await session.resources.get(KIND, EVERYWHERE, template_id)
            self._check_seen(found, await self._owners(session, caller))
            return KIND.shown(found)

        return await self._store.read(work)

    async def create(self, caller: Caller, given: Any) -> bytes:
        """Make one of an application that the caller may export, and return its document.

        It is the application's owner's. Raises Missing, Forbidden, Invalid, TooLarge, TooMany.
        """
        source_id = given.application_id.lower()
        await self._around.may_export(caller, source_id)
        # What is stored has the store's time; this one says what is wanted.
        wish = _wish(KIND.create(given, self._catalog.stamp(caller, EVERYWHERE, 0)))
        if await self._around.exporter.size(source_id, wish) > MOST_PARTS:
            message = f"A template holds at most {MOST_PARTS} resources and rows"
            raise reached("template_parts", TooLarge(message))

        async def work(session: Session) -> ApplicationTemplate:
            source = await session.resources.get(APPLICATION, source_id, source_id)
            await self._check_room(session, caller, source)
            stamp = self._catalog.stamp(caller, EVERYWHERE, await session.now_ms())
            about = await self._about(session, source, wish)
            made = structs.replace(KIND.create(given, stamp), **about)
            if made.readme is UNSET and source.readme is not UNSET:
                made = structs.replace(made, readme=source.readme.content)
            return await self._catalog.add(session, caller, KIND, made)

        # Noted first: a file that nobody knows of would never be deleted.
        made = await self._store.write(work)
        try:
            await self._keep(made.id, self._around.exporter.pieces(source_id, wish))
        except BaseException:
            await self._forget(caller, made.id)
            raise
        return KIND.shown(made)

    async def patch(self, caller: Caller, template_id: str, given: Struct) -> bytes:
        """Change what is told of one and return its document; raises Missing, Forbidden, Invalid.

        The bundle stays as it is.
        """

        async def work(session: Session) -> bytes:
            old = await self._own(session, caller, template_id)
            stamp = self._catalog.stamp(caller, EVERYWHERE, await session.now_ms())
            new = KIND.patch(old, given, stamp)
            return KIND.shown(await self._catalog.change(session, caller, KIND, old, new))

        return await self._store.write(work)

    async def delete(self, caller: Caller, template_id: str) -> None:
        """Delete one and its bundle; raises Missing, Forbidden."""
        await self._store.write(lambda session: self._own(session, caller, template_id))
        await self._around.blobs.delete(template_key(template_id))
        await self._forget(caller, template_id)

    async def apply(
        self, caller: Caller, application_id: str, template_id: str, listeners: Listeners
    ) -> Done:
        """Bring one into an application, or have a job do it where it is large.

        Raises Missing where it, or its bundle, is not there, and as ``Imports.run``.
        """
        await self._check_bundle(caller, template_id)
        asked = Asked(source=Source(template_id=template_id), listeners=listeners)
        return await self._around.imports.run(caller, application_id, asked, TASK)

    async def apply_new(self, caller: Caller, template_id: str, owner: NewOwner) -> Done:
        """Make an application with what one holds; raises as ``apply``, and Forbidden."""
        await self._check_bundle(caller, template_id)
        asked = Asked(source=Source(template_id=template_id), owner=owner)
        return await self._around.imports.run(caller, "", asked, TASK)

    async def _check_bundle(self, caller: Caller, template_id: str) -> None:
        await self.get(caller, template_id)
        if await self._around.blobs.head(template_key(template_id)) is None:
            raise Missing("The bundle of this application template was not found")

    async def _owners(self, session: Session, caller: Caller) -> Mapping[str, str] | None:
        """Return whose templates a caller has; None stands for everybody's."""
        if caller.type == "system" or caller.is_administrator:
            return None
        return await self._around.owners(session, caller)

    def _check_seen(self, template: ApplicationTemplate, owners: Mapping[str, str] | None) -> None:
        if not template.public and not _is_own(template.owner_id, owners):
            raise Missing(f"{KIND.title} was not found")

    async def _own(self, session: Session, caller: Caller, template_id: str) -> ApplicationTemplate:
        """Return one that the caller may change, locked; raises Missing, Forbidden."""
        found = await session.resources.lock(KIND, EVERYWHERE, template_id)
        owners = await self._owners(session, caller)
        self._check_seen(found, owners)
        if not _is_own(found.owner_id, owners):
            raise Forbidden("Only the owner of an application template may do this")
        return found

    async def _check_room(self, session: Session, caller: Caller, source: Application) -> None:
        if not _is_own(source.owner_id, await self._owners(session, caller)):
            raise Forbidden("You cannot make application templates for this owner")
        query = In("ownerId", (str(source.owner_id),))
        listing = Listing(sort_field="id", limit=1, query=query)
        found = await session.resources.page_bytes(KIND, EVERYWHERE, listing)
        if found.total >= MOST_OF_OWNER:
            message = f"An owner has at most {MOST_OF_OWNER} application templates"
            raise reached("templates_of_owner", TooMany(message))

    async def _about(self, session: Session, source: Application, wish: Wish) -> dict[str, Any]:
        counts = (await session.resources.counts([source.id]))[source.id]
        kinds = [kind for kind in self._catalog.kinds.values() if kind.bundled_in]
        summary = {
            f"{name[0].lower()}{name[1:]}Count": counts.get(kind.one, 0)
            for kind in kinds
            if (name := kind.exported_as or "") and wish.holds(kind)
        }
        return {"owner_id": source.owner_id, "owner_type": source.owner_type, "summary": summary}

    async def _keep(self, template_id: str, pieces: AsyncIterator[bytes]) -> None:
        most = self._around.imports.most_bytes

        async def capped() -> AsyncIterator[bytes]:
            total = 0
            async for piece in pieces:
                total += len(piece)
                if total > most:
                    message = f"The bundle of a template has at most {most} bytes"
                    raise reached("bundle_bytes", TooLarge(message))
                yield piece

        await self._around.blobs.put_stream(template_key(template_id), capped())

    async def _forget(self, caller: Caller, template_id: str) -> None:
        await self._catalog.delete(caller, KIND, EVERYWHERE, template_id)


def _is_own(owner_id: object, owners: Mapping[str, str] | None) -> bool:
    return owners is None or owner_id in owners


def _seen_by(owners: Mapping[str, str] | None) -> Node:
    if owners is None:
        return ALL
    parts: Sequence[Node] = [
        Compare("public", Operator.EQUAL, value=True),
        *([In("ownerId", tuple(owners))] if owners else []),
    ]
    return any_of(parts)


def _has(field: str, value: str) -> Node:
    return compare(Field(field, FieldType.TEXT), Operator.EQUAL, value)


def _wish(template: ApplicationTemplate) -> Wish:
    return Wish(
        devices=template.include_devices,
        rows=template.include_data_table_rows,
        files=template.include_files,
        private_files=template.include_private_files,
    )
