"""Workflows as resources: which version runs, what they wait for, what goes with what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION
from drover.kinds.flow_version import FlowVersion
from drover.model.bodies import decode
from drover.ports.resources import Listing
from drover.query.tree import Compare, In, Operator, any_of, renamed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.app.catalog import Catalog
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.store import Session, Store
    from drover.query.tree import Node

RESOURCE_JOB_TRIGGERS: Final = (
    "resourceJobIteration",
    "resourceJobIterationTimeout",
    "resourceJobComplete",
)
TRIGGERS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "resourceJob": RESOURCE_JOB_TRIGGERS,
    "webhook": ("webhook",),
    "integration": ("integration",),
    "experienceEndpoint": ("endpoint",),
}
"""The triggers whose key is the id of a resource, by its kind."""

_ALL: Final = 2**31 - 1


class Flows:
    """What is done with workflows beyond the usual operations."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    async def add_version(
        self,
        caller: Caller,
        application_id: str,
        flow_id: str,
        body: bytes,
        *,
        replaces: bool = False,
    ) -> bytes:
        """Store a new version and return its document; raises Missing, Invalid, Duplicate.

        One of the same name is deleted first where ``replaces`` is set; a workflow that ran it
        runs the new one.
        """
        given: Any = decode(body, VERSION.post_type)
        name: str = given.version

        async def work(session: Session) -> bytes:
            flow = await session.resources.lock(FLOW, application_id, flow_id)
            old = await _named(session, application_id, flow_id, name)
            was_default = old is not None and flow.default_version_id == old.id
            if old is not None and replaces:
                await self._catalog.drop(session, caller, VERSION, old)
            stamp = self._catalog.stamp(caller, application_id, await session.now_ms())
            new = VERSION.create(given, stamp, {"flow_id": flow_id})
            new = await self._catalog.add(session, caller, VERSION, new)
            if was_default and replaces:
                running = structs.replace(flow, default_version_id=new.id)
                await self._catalog.change(session, caller, FLOW, flow, running)
            return await session.resources.get_bytes(VERSION, application_id, new.id)

        return await self._store.write(work)

    async def delete_versions(
        self, caller: Caller, application_id: str, flow_id: str, chosen: Node
    ) -> int:
        """Delete the versions chosen and return how many; raises Missing."""

        async def work(session: Session) -> int:
            await session.resources.get(FLOW, application_id, flow_id)
            listing = Listing(
                sort_field="id", limit=_ALL, query=chosen, within={"flow_id": flow_id}
            )
            found = await session.resources.page(VERSION, application_id, listing)
            for version in found.items:
                await self._catalog.drop(session, caller, VERSION, version)
            return len(found.items)

        return await self._store.write(work)

    async def with_matching_versions(self, application_id: str, listing: Listing) -> Listing:
        """Return what lists the workflows that match, or of which any version does."""
        asked = listing.query
        if asked is None:
            return listing
        of_versions = Listing(sort_field="id", limit=_ALL, query=renamed(asked, {"id": "flowId"}))
        found = await self._store.read(
            lambda session: session.resources.page(VERSION, application_id, of_versions)
        )
        ids = tuple(sorted({version.flow_id for version in found.items}))
        return replace(listing, query=any_of([asked, In("id", ids)])) if ids else listing

    async def delete_with_workflows(
        self, caller: Caller, kind: Kind[Any], application_id: str, resource_id: str
    ) -> None:
        """Delete a resource and every workflow with a trigger on it; raises Missing."""

        async def work(session: Session) -> None:
            resource = await session.resources.lock(kind, application_id, resource_id)
            types = TRIGGERS_OF[kind.one]
            for flow_id in sorted(await session.flows.using(application_id, types, resource_id)):
                flow = await session.resources.lock(FLOW, application_id, flow_id)
                await self._catalog.drop(session, caller, FLOW, flow)
            await self._catalog.drop(session, caller, kind, resource)

        await self._store.write(work)


async def _named(
    session: Session, application_id: str, flow_id: str, version: str
) -> FlowVersion | None:
    listing = Listing(
        sort_field="id",
        limit=1,
        query=Compare("version", Operator.EQUAL, version),
        within={"flow_id": flow_id},
    )
    found = await session.resources.page(VERSION, application_id, listing)
    return found.items[0] if found.items else None
