"""The attributes of one device, each by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from drover.app.devices import check_sight
from drover.kinds.device import KIND
from drover.model.bodies import convert
from drover.model.device_shape import Attribute, SystemAttribute
from drover.model.errors import Missing
from drover.model.fields import Key, Prose, TagMap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drover.app.catalog import Catalog
    from drover.kinds.device import Device
    from drover.model.access import Caller
    from drover.ports.store import Session, Store

Attributes = tuple[Attribute, ...]


class AttributePatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Changes of an attribute; its type never changes."""

    name: Key | UnsetType = UNSET
    content_type: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    attribute_tags: TagMap | UnsetType = UNSET
    system: SystemAttribute | UnsetType = UNSET


class DeviceAttributes:
    """Reads and changes single attributes of a device, within the caller's sight."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    async def all(self, caller: Caller, application_id: str, device_id: str) -> Attributes:
        """Return the attributes of a device; raises Missing."""

        async def work(session: Session) -> Attributes:
            device = await session.resources.get(KIND, application_id, device_id)
            check_sight(caller, device)
            return device.attributes

        return await self._store.read(work)

    async def get(
        self, caller: Caller, application_id: str, device_id: str, name: str
    ) -> Attribute:
        """Return one attribute; raises Missing."""
        return _named(await self.all(caller, application_id, device_id), name)

    async def add(
        self, caller: Caller, application_id: str, device_id: str, new: Attribute
    ) -> Attribute:
        """Add an attribute; raises Missing, and Invalid where its name is taken."""
        changed = await self._change(
            caller, application_id, device_id, lambda attributes: (*attributes, new)
        )
        return _named(changed, new.name)

    async def patch(
        self,
        caller: Caller,
        application_id: str,
        device_id: str,
        name: str,
        given: AttributePatch,
    ) -> Attribute:
        """Change an attribute; raises Missing, and Invalid where its new name is taken."""
        changes = {
            field: value for field, value in structs.asdict(given).items() if value is not UNSET
        }

        def patched(attributes: Attributes) -> Attributes:
            old = _named(attributes, name)
            new = structs.replace(old, **changes)
            return tuple(new if each is old else each for each in attributes)

        changed = await self._change(caller, application_id, device_id, patched)
        return _named(changed, changes.get("name", name))

    async def remove(self, caller: Caller, application_id: str, device_id: str, name: str) -> None:
        """Take an attribute away; raises Missing."""

        def without(attributes: Attributes) -> Attributes:
            old = _named(attributes, name)
            return tuple(each for each in attributes if each is not old)

        await self._change(caller, application_id, device_id, without)

    async def _change(
        self,
        caller: Caller,
        application_id: str,
        device_id: str,
        act: Callable[[Attributes], Attributes],
    ) -> Attributes:
        async def work(session: Session) -> Attributes:
            old: Device = await session.resources.lock(KIND, application_id, device_id)
            stamp = self._catalog.stamp(caller, application_id, await session.now_ms())
            attributes = msgspec.to_builtins(act(old.attributes))
            body = convert({"attributes": attributes}, KIND.patch_type)
            new = KIND.patch(old, body, stamp)
            await self._catalog.change(session, caller, KIND, old, new)
            return new.attributes

        return await self._store.write(work)


def _named(attributes: Sequence[Attribute], name: str) -> Attribute:
    for attribute in attributes:
        if attribute.name == name:
            return attribute
    raise Missing("Device attribute was not found")
