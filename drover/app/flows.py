"""Workflows as resources: which version runs, what they wait for, what goes with what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, structs

from drover.app.catalog import QuietHook
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION
from drover.kinds.flow_version import FlowVersion
from drover.model.bodies import decode
from drover.model.errors import Invalid, Missing
from drover.ports.flows import IndexedTrigger
from drover.ports.resources import Listing
from drover.query.tree import Compare, Operator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.catalog import Catalog
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.model.workflow import FlowTrigger
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store
    from drover.query.tree import Node

RESOURCE_JOB_TRIGGERS: Final = (
    "resourceJobIteration",
    "resourceJobIterationTimeout",
    "resourceJobComplete",
)
_TRIGGERS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "resourceJob": RESOURCE_JOB_TRIGGERS,
    "webhook": ("webhook",),
}
"""The triggers whose key is the id of a resource, by its kind."""

_OWN_KEY: Final = frozenset({"timer", "virtualButton", "flowError", "onBoot", "deviceCommand"})
"""Triggers whose key the server makes up where none is given."""
_ALL: Final = 2**31 - 1


class FlowHook(QuietHook):
    """Gives triggers the keys that the server makes up, and notes what a workflow waits for."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    async def before(
        self, session: Session, _caller: Caller, kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the workflow or version with keys; a version gets its workflow's class."""
        triggers = tuple(self._keyed(trigger) for trigger in new.triggers)
        if kind is VERSION and old is None:
            flow = await session.resources.get(FLOW, new.application_id, new.flow_id)
            return structs.replace(new, triggers=triggers, flow_class=flow.flow_class)
        if kind is FLOW and new.default_version_id:
            await _check_version(session, new)
        return structs.replace(new, triggers=triggers)

    async def after(
        self, session: Session, _caller: Caller, kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Note what it waits for; of a deleted version nothing stays, nor is it the default."""
        if kind is VERSION:
            await _version_changed(session, old, new)
        elif new is not None and (old is None or old.triggers != new.triggers):
            await session.flows.index(new.application_id, new.id, "", _indexed(new.triggers))

    def _keyed(self, trigger: FlowTrigger) -> FlowTrigger:
        if trigger.key:
            return trigger
        if trigger.type == "deviceCreate":
            return structs.replace(trigger, key="/")
        if trigger.type in _OWN_KEY:
            return structs.replace(trigger, key=self._ids.new())
        return trigger


async def _check_version(session: Session, flow: Any) -> None:
    try:
        await session.resources.get(VERSION, flow.application_id, flow.default_version_id, flow.id)
    except Missing as error:
        message = "The version is not one of this workflow at `defaultVersionId`"
        raise Invalid(message, field="defaultVersionId") from error


async def _version_changed(session: Session, old: Any, new: Any) -> None:
    if new is None:
        await session.flows.index(old.application_id, old.flow_id, old.id, ())
        flow = await session.resources.lock(FLOW, old.application_id, old.flow_id)
        if flow.default_version_id == old.id:
            await session.resources.put(FLOW, structs.replace(flow, default_version_id=UNSET))
    elif old is None:
        triggers = _indexed(new.triggers)
        await session.flows.index(new.application_id, new.flow_id, new.id, triggers)


def _indexed(triggers: Sequence[FlowTrigger]) -> list[IndexedTrigger]:
    return [
        IndexedTrigger(
            position=index,
            type=trigger.type,
            key=trigger.key or "",
            config=msgspec.json.encode(trigger.config or {}),
        )
        for index, trigger in enumerate(triggers)
    ]


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
                await session.resources.put(FLOW, structs.replace(flow, default_version_id=new.id))
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

    async def delete_with_workflows(
        self, caller: Caller, kind: Kind[Any], application_id: str, resource_id: str
    ) -> None:
        """Delete a resource and every workflow with a trigger on it; raises Missing."""

        async def work(session: Session) -> None:
            resource = await session.resources.lock(kind, application_id, resource_id)
            types = _TRIGGERS_OF[kind.one]
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
