"""Devices in numbers: within whose sight they are, changed and deleted in bulk, suggested."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET, structs

from drover.app.device_updates import applied
from drover.app.payload_counts import Notice, source_of, unnoticed
from drover.kinds.device import KIND, Device
from drover.model.attributes import coerce
from drover.model.errors import Invalid, Missing
from drover.model.instants import to_text
from drover.ports.reports import Reading
from drover.ports.resources import Listing
from drover.ports.search import NamedDevice
from drover.query.filters import by_glob, tagged_any
from drover.query.tree import (
    ALL,
    ANY_TEXT,
    Choice,
    Compare,
    In,
    Node,
    Operator,
    TagMatch,
    TextTest,
    all_of,
    any_of,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from msgspec import Struct

    from drover.app.catalog import Catalog
    from drover.app.device_updates import Change
    from drover.model.access import Caller
    from drover.ports.reports import Suggestion
    from drover.ports.resources import Page
    from drover.ports.store import Session, Store

    Act = Callable[[Session, Device], Awaitable[bool]]

BATCH: Final = 200
"""Devices that one transaction of a bulk change touches."""
_ALL: Final = 2**31 - 1


def sight(caller: Caller) -> Node:
    """Return the tree of the devices that a caller may see."""
    limit = caller.device_limit
    if not caller.is_device or limit is None:
        return ALL
    own = In("id", (str(caller.device_id), *sorted(limit.ids)))
    tags = [TagMatch("tags", _equal(key), _equal(value)) for key, value in limit.tags]
    return any_of([own, *tags])


def within_sight(caller: Caller, listing: Listing) -> Listing:
    """Return what lists those of the devices listed that a caller may see."""
    seen = sight(caller)
    if seen is ALL:
        return listing
    asked = listing.query
    if asked is None:
        asked = by_glob(listing.filter_field, listing.filter)
    return replace(listing, query=all_of([asked, seen]))


def _equal(text: str | None) -> TextTest:
    return ANY_TEXT if text is None else TextTest(Choice.EQUAL, (text,))


def check_sight(caller: Caller, device: Device) -> None:
    """Raise Missing where the caller may not see the device."""
    tags = frozenset((tag.key, tag.value) for tag in device.tags)
    if caller.is_device and not caller.covers_device(device.id, tags):
        raise Missing(f"{KIND.title} was not found")


def narrowed(
    classes: Sequence[str] = (),
    tags: Sequence[dict[str, str]] = (),
    parent_id: str | None = None,
) -> Node:
    """Return the tree of the narrow filters of a list of devices."""
    parts: list[Node] = []
    if classes:
        parts.append(In("deviceClass", tuple(classes)))
    if tags:
        parts.append(all_of(tagged_any("tags", [tag]) for tag in tags))
    if parent_id is not None:
        parts.append(Compare("parentId", Operator.EQUAL, parent_id))
    return all_of(parts)


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device to create, by its decoded body, and the values it reports at once."""

    device: Struct
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many devices a bulk change touched, left alone, and could not change."""

    changed: int = 0
    skipped: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Update:
    """What a bulk change does to each device: a patch body, and steps after it."""

    fields: Struct | None = None
    changes: Sequence[Change] = ()


class Devices:
    """Reading and changing many devices at once."""

    def __init__(self, store: Store, catalog: Catalog, notice: Notice = unnoticed) -> None:
        self._store = store
        self._catalog = catalog
        self._notice = notice

    async def page(self, caller: Caller, application_id: str, listing: Listing) -> Page[bytes]:
        """Return one page of the devices that the caller may see."""
        return await self._catalog.list(KIND, application_id, within_sight(caller, listing))

    async def get(self, caller: Caller, application_id: str, device_id: str) -> bytes:
        """Return the document of one; raises Missing."""

        async def work(session: Session) -> bytes:
            if caller.is_device:
                check_sight(caller, await session.resources.get(KIND, application_id, device_id))
            return await session.resources.get_bytes(KIND, application_id, device_id)

        return await self._store.glance(work)

    async def update(
        self,
        caller: Caller,
        application_id: str,
        chosen: Node,
        update: Update,
    ) -> Outcome:
        """Change all devices chosen; one that a change does not fit is counted as failed."""

        async def some(session: Session, ids: Sequence[str]) -> Outcome:
            return await self.updated(session, caller, application_id, ids, update)

        return await self._each(application_id, chosen, some)

    async def delete(self, caller: Caller, application_id: str, chosen: Node) -> Outcome:
        """Delete all devices chosen."""
        drop = self.deleting(caller)
        return await self._each(
            application_id, chosen, lambda s, ids: touched(s, application_id, ids, drop)
        )

    async def updated(
        self,
        session: Session,
        caller: Caller,
        application_id: str,
        ids: Sequence[str],
        update: Update,
    ) -> Outcome:
        """Change some devices within a unit of work; one that the change does not fit has failed.

        They are read and stored together, in a few trips to the database. All that move go to one
        parent, and whoever stands above it cannot, so no move changes where another one leads.
        """
        devices = await session.resources.lock_many(KIND, application_id, ids)
        time = to_text(await session.now_ms())
        changes: list[tuple[Device, Device]] = []
        skipped = 0
        for device in devices:
            try:
                new = applied(device, update.fields, update.changes)
            except Invalid:
                continue
            if new == device:
                skipped += 1
            else:
                changes.append((device, structs.replace(new, last_updated=time)))
        changed = await self._catalog.change_many(session, caller, KIND, changes)
        return Outcome(changed, skipped, len(ids) - changed - skipped)

    def deleting(self, caller: Caller) -> Act:
        """Return what deletes one device."""

        async def drop(session: Session, device: Device) -> bool:
            await self._catalog.drop(session, caller, KIND, device)
            return True

        return drop

    async def create_many(
        self, caller: Caller, application_id: str, bodies: Sequence[NewDevice]
    ) -> list[str]:
        """Store many devices with the state they report, all or none, and return their ids.

        Workflows that wait for new devices are not run. Raises Invalid.
        """
        made = await self._store.write(
            lambda session: self.create_within(session, caller, application_id, bodies)
        )
        self.count_created(caller, application_id, len(made))
        return made

    async def create_within(
        self, session: Session, caller: Caller, application_id: str, bodies: Sequence[NewDevice]
    ) -> list[str]:
        """Store many devices within a unit of work, as ``create_many`` does."""
        now_ms = await session.now_ms()
        made: list[Device] = []
        for body in bodies:
            stamp = self._catalog.stamp(caller, application_id, now_ms)
            made.append(KIND.create(body.device, stamp))
        placed = await self._placed(session, application_id, made)
        await session.resources.add_many(KIND, placed)
        readings = [
            reading
            for device, body in zip(placed, bodies, strict=True)
            for reading in _first_state(caller, device, body.state, now_ms)
        ]
        if readings:
            await session.reports.record(readings)
        return [device.id for device in placed]

    def count_created(self, caller: Caller, application_id: str, count: int) -> None:
        """Count devices that were stored as payloads."""
        if count:
            self._notice(application_id, "deviceCreate", source_of(caller), count, 0)

    async def _placed(
        self, session: Session, application_id: str, devices: Sequence[Device]
    ) -> list[Device]:
        """Return devices with their ancestors; raises Invalid for a parent that is not there."""
        named = [*(each.parent_id for each in devices), *(each.gateway_id for each in devices)]
        wanted = sorted({each for each in named if each})
        absent = await session.resources.absent(KIND, application_id, wanted)
        if absent:
            raise Invalid(f"Device {absent[0]} was not found at `parentId`", field="parentId")
        lines: dict[str, tuple[str, ...]] = {}
        for parent_id in {each.parent_id for each in devices if each.parent_id}:
            parent = await session.resources.get(KIND, application_id, parent_id)
            lines[parent_id] = (parent.id, *parent.ancestor_ids)
        return [
            structs.replace(each, ancestor_ids=lines[each.parent_id]) if each.parent_id else each
            for each in devices
        ]

    async def restore(self, application_id: str, chosen: Node) -> int:
        """Bring back all deleted devices chosen and return how many."""
        return await self._store.write(lambda session: revived(session, application_id, chosen))

    async def ids(self, application_id: str, listing: Listing) -> Sequence[str]:
        """Return the ids of all devices that match, in their order."""
        return await self._store.read(
            lambda session: session.resources.ids(KIND, application_id, listing)
        )

    async def names(
        self, caller: Caller, application_id: str, what: Suggestion, query: Node, start: str
    ) -> Sequence[str]:
        """Return names in use among the devices that match."""
        asked = all_of([query, sight(caller)])
        return await self._store.read(
            lambda session: session.reports.names(application_id, what, asked, start)
        )

    async def named(
        self, caller: Caller, application_id: str, query: Node, start: str, limit: int
    ) -> Sequence[NamedDevice]:
        """Return the first devices that match and whose names begin so, by their names."""
        asked = all_of([query, sight(caller)])
        if asked is ALL:
            return await self._store.read(
                lambda session: session.search.devices(application_id, start, limit)
            )
        named = Compare("name", Operator.STARTS_WITH, start, fold=True) if start else ALL
        matching = everything(all_of([asked, named]))
        listing = replace(matching, sort_field="name", limit=limit, counted=False)
        found = await self._store.read(
            lambda session: session.resources.page(KIND, application_id, listing)
        )
        return [NamedDevice(each.id, each.name, each.device_class) for each in found.items]

    async def _each(
        self,
        application_id: str,
        chosen: Node,
        some: Callable[[Session, Sequence[str]], Awaitable[Outcome]],
    ) -> Outcome:
        ids = await self._store.read(
            lambda session: session.resources.ids(KIND, application_id, everything(chosen))
        )
        total = Outcome()
        for start in range(0, len(ids), BATCH):
            part = list(ids[start : start + BATCH])

            async def batch(session: Session, part: list[str] = part) -> Outcome:
                return await some(session, part)

            total = _sum(total, await self._store.write(batch))
        return total


async def revived(session: Session, application_id: str, chosen: Node) -> int:
    """Bring back the deleted devices chosen, within a unit of work, and return how many."""
    found = await session.resources.page(KIND, application_id, everything(chosen, deleted=True))
    for device in found.items:
        await session.resources.put(KIND, structs.replace(device, deleted_at=UNSET))
    return len(found.items)


async def touched(session: Session, application_id: str, ids: Sequence[str], act: Act) -> Outcome:
    """Do something to each of some devices, within a unit of work."""
    total = Outcome()
    for device_id in ids:
        total = _sum(total, await _one(session, application_id, device_id, act))
    return total


async def _one(
    session: Session,
    application_id: str,
    device_id: str,
    act: Act,
) -> Outcome:
    try:
        device = await session.resources.lock(KIND, application_id, device_id)
        changed = await act(session, device)
    except (Invalid, Missing):
        return Outcome(failed=1)
    return Outcome(changed=1) if changed else Outcome(skipped=1)


def everything(chosen: Node, *, deleted: bool = False) -> Listing:
    """Return what lists all devices chosen, in order of id."""
    return Listing(sort_field="id", query=chosen, limit=_ALL, deleted=deleted)


def _first_state(
    caller: Caller, device: Device, state: Mapping[str, Any], now_ms: int
) -> list[Reading]:
    types = {attribute.name: attribute.data_type for attribute in device.attributes}
    return [
        Reading(
            device_id=device.id,
            attribute=name,
            time_ms=now_ms,
            value=value,
            relay_id=caller.id,
            relay_type=caller.type,
        )
        for name, raw in state.items()
        if name in types and (value := coerce(types[name], raw)) is not None
    ]


def _sum(one: Outcome, two: Outcome) -> Outcome:
    return Outcome(one.changed + two.changed, one.skipped + two.skipped, one.failed + two.failed)
