"""Events: raised, looked at, resolved, with the last hundred changes kept on each."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET, structs

from drover.app.access.throttle import seconds
from drover.app.event_sources import source_name
from drover.app.payload_counts import Notice, source_of, unnoticed
from drover.kinds.device import KIND as DEVICE
from drover.kinds.event import KIND, MOST_UPDATES, Change, Event, EventPatch, EventPost, Update
from drover.model.errors import Invalid, Missing, TooMany
from drover.model.instants import to_text
from drover.model.kind import Stamp
from drover.model.moments import moment_ms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from drover.app.access.throttle import Window
    from drover.app.catalog import Catalog
    from drover.model.access import Caller
    from drover.ports.clock import Ids
    from drover.ports.resources import Listing
    from drover.ports.store import Session, Store

    Act = Callable[[Session, Event], Awaitable[None]]

BATCH: Final = 500
"""Events that one transaction of a bulk change touches."""


class Events:
    """Raise, update and delete events."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        ids: Ids,
        rate: Window | None = None,
        notice: Notice = unnoticed,
    ) -> None:
        """Raise at most as many events of one application as ``rate`` allows; None: any number."""
        self._store = store
        self._catalog = catalog
        self._ids = ids
        self._rate = rate
        self._notice = notice

    async def create(self, caller: Caller, application_id: str, given: EventPost) -> bytes:
        """Store a new event and return its document; raises Invalid, TooMany."""
        self._count(application_id)

        async def work(session: Session) -> bytes:
            made = await self.raise_event(session, caller, application_id, given)
            return await session.resources.get_bytes(KIND, application_id, made.id)

        document = await self._store.write(work)
        self._notice(application_id, "event", source_of(caller), 1, len(document))
        return document

    async def raise_event(
        self, session: Session, caller: Caller, application_id: str, given: EventPost
    ) -> Event:
        """Store a new event inside a unit of work and return it; raises Invalid."""
        now_ms = await session.now_ms()
        stamp = Stamp(self._ids.new(), application_id, now_ms)
        made = KIND.create(structs.replace(given, creation_date=UNSET), stamp)
        created_ms = moment_ms(given.creation_date, now_ms) if given.creation_date else now_ms
        name = await source_name(session, caller, application_id)
        source = {"source_type": caller.type, "source_id": caller.id, "source_name": name}
        device = await _device(session, application_id, given.device_id or None)
        made = structs.replace(made, creation_date=to_text(created_ms), **source, **device)
        return await self._catalog.add(session, caller, KIND, made)

    def _count(self, application_id: str) -> None:
        if self._rate is None:
            return
        wait_ms = self._rate.wait_ms(application_id)
        if wait_ms:
            message = "The application raises too many events; try again later"
            raise TooMany(message, retry_after_s=seconds(wait_ms))
        self._rate.add(application_id)

    async def patch(
        self, caller: Caller, application_id: str, event_id: str, given: EventPatch
    ) -> bytes:
        """Update one event and return its document; raises Missing, Invalid."""

        async def work(session: Session) -> bytes:
            old = await session.resources.lock(KIND, application_id, event_id)
            await self.update(session, caller, old, given)
            return await session.resources.get_bytes(KIND, application_id, event_id)

        return await self._store.write(work)

    async def update(
        self, session: Session, caller: Caller, old: Event, given: EventPatch
    ) -> Event:
        """Update a locked event inside a unit of work and return it; raises Invalid."""
        now = to_text(await session.now_ms())
        changes: dict[str, Any] = {
            name: getattr(given, name)
            for name in ("state", "level", "subject")
            if getattr(given, name) is not UNSET
        }
        if given.device_id is not UNSET:
            empty = {"device_id": UNSET, "device_name": UNSET}
            changes |= empty | await _device(session, old.application_id, given.device_id)
        if given.event_tags is not UNSET:
            tags = {} if old.event_tags is UNSET else old.event_tags
            changes["event_tags"] = {**tags, **given.event_tags}
        new = structs.replace(old, **changes, last_updated=now)
        entry = structs.replace(
            _entry(caller, given, old, new),
            source_name=await source_name(session, caller, old.application_id),
        )
        new = structs.replace(new, updates=(*old.updates, entry)[-MOST_UPDATES:])
        return await self._catalog.change(session, caller, KIND, old, new)

    async def patch_all(
        self,
        caller: Caller,
        application_id: str,
        listing: Listing,
        given: EventPatch,
        untagged: Collection[str] = (),
    ) -> int:
        """Update all events that match and return how many; raises Invalid.

        The tags named in ``untagged`` are taken off.
        """
        return await self._each(application_id, listing, self.updating(caller, given, untagged))

    async def delete_all(self, caller: Caller, application_id: str, listing: Listing) -> int:
        """Delete all events that match and return how many; raises Invalid."""
        return await self._each(application_id, listing, self.deleting(caller))

    def updating(self, caller: Caller, given: EventPatch, untagged: Collection[str] = ()) -> Act:
        """Return what updates one event."""

        async def update(session: Session, old: Event) -> None:
            await self.update(session, caller, without_tags(old, untagged), given)

        return update

    def deleting(self, caller: Caller) -> Act:
        """Return what deletes one event."""

        async def drop(session: Session, old: Event) -> None:
            await self._catalog.drop(session, caller, KIND, old)

        return drop

    async def ids(self, application_id: str, listing: Listing) -> Sequence[str]:
        """Return the ids of all events that match; raises Invalid."""
        return await self._store.read(
            lambda session: session.resources.ids(KIND, application_id, listing)
        )

    async def newest(self, application_id: str, listing: Listing) -> tuple[bytes | None, int]:
        """Return the newest of the gravest matching new events, and how many new ones match."""

        async def work(session: Session) -> tuple[bytes | None, int]:
            total, first = 0, None
            for level in ("critical", "error", "warning", "info"):
                only = {**listing.within, "state": "new", "level": level}
                page = await session.resources.page_bytes(
                    KIND, application_id, replace(listing, within=only, limit=1)
                )
                total += page.total
                first = first or next(iter(page.items), None)
            return first, total

        return await self._store.read(work)

    async def _each(self, application_id: str, listing: Listing, act: Act) -> int:
        ids = await self.ids(application_id, listing)
        total = 0
        for start in range(0, len(ids), BATCH):
            work = partial(
                touched, application_id=application_id, ids=ids[start : start + BATCH], act=act
            )
            total += await self._store.write(work)
        return total


async def touched(session: Session, *, application_id: str, ids: Sequence[str], act: Act) -> int:
    """Do something to each of some events, within a unit of work; return to how many."""
    total = 0
    for event_id in ids:
        try:
            old = await session.resources.lock(KIND, application_id, event_id)
        except Missing:  # deleted meanwhile
            continue
        await act(session, old)
        total += 1
    return total


def without_tags(event: Event, keys: Collection[str]) -> Event:
    """Return an event without the tags of these keys."""
    if not keys or event.event_tags is UNSET:
        return event
    kept = {key: value for key, value in event.event_tags.items() if key not in keys}
    return structs.replace(event, event_tags=kept)


async def _device(session: Session, application_id: str, device_id: str | None) -> dict[str, Any]:
    if device_id is None:
        return {}
    try:
        device = await session.resources.get(DEVICE, application_id, device_id.lower())
    except Missing as error:
        message = f"Device {device_id} was not found at `deviceId`"
        raise Invalid(message, field="deviceId") from error
    return {"device_id": device.id, "device_name": device.name}


def _entry(caller: Caller, given: EventPatch, old: Event, new: Event) -> Update:
    return Update(
        source_type=caller.type,
        source_id=caller.id,
        creation_date=new.last_updated,
        comment=given.comment,
        data=given.data,
        state=given.state,
        state_change=_change(old.state, new.state),
        level_change=_change(old.level, new.level),
        subject_change=_change(old.subject, new.subject),
        device_id_change=_device_change(old, new),
        tags_change=UNSET if old.disable_tag_change_tracking is True else _tags_change(old, new),
    )


def _change(old: Any, new: Any) -> Any:
    return UNSET if old == new else Change(old=old or None, new=new or None)


def _device_change(old: Event, new: Event) -> Any:
    if old.device_id == new.device_id:
        return UNSET
    return Change(
        old=old.device_id or None,
        new=new.device_id or None,
        old_device_name=old.device_name or None,
        new_device_name=new.device_name or None,
    )


def _tags_change(old: Event, new: Event) -> Any:
    before, after = old.event_tags or {}, new.event_tags or {}
    changed = {
        key: Change(old=before.get(key), new=value)
        for key, value in after.items()
        if before.get(key) != value
    }
    return changed or UNSET
