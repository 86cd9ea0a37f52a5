"""Experience users and groups: passwords, addresses, and the devices a group owns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import UNSET, structs

from drover.app.catalog import QuietHook
from drover.app.devices import everything
from drover.kinds.device import KIND as DEVICE
from drover.kinds.experience_group import KIND as GROUP
from drover.model.errors import Invalid
from drover.query.filters import devices_listed
from drover.query.kinds import DEVICES
from drover.query.losant import parse_json
from drover.query.tree import Compare, Operator, any_of

if TYPE_CHECKING:
    from drover.kinds.experience_group import ExperienceGroup
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.store import Session, Store
    from drover.query.tree import Node


class Hasher(Protocol):
    """Makes what is kept of a password, and checks passwords against it."""

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        ...

    async def verify(self, kept: str | None, password: str) -> bool:
        """Tell whether a password is right; None for an unknown user takes as long."""
        ...


class ExperienceUserHook(QuietHook):
    """Keeps a hash instead of the password, and addresses in lower case."""

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher

    async def prepare(self, _caller: Caller, _kind: Kind[Any], given: Any, /) -> Any:
        """Return the body with the password's hash."""
        changes: dict[str, Any] = {}
        if given.password is not UNSET:
            changes["password"] = await self._hasher.hash(given.password)
        return structs.replace(given, **changes)

    async def before(
        self, _session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the user with an address in lower case and the moment the password changed."""
        new = structs.replace(new, email=new.email.lower())
        if old is not None and old.password == new.password:
            return new
        return structs.replace(new, password_last_updated=new.last_updated)


class ExperienceGroupHook(QuietHook):
    """Refuses a query for devices that is none."""

    async def before(
        self, _session: Session, _caller: Caller, _kind: Kind[Any], _old: Any, new: Any, /
    ) -> Any:
        """Return the group unchanged; raises Invalid."""
        if new.device_query_json:
            try:
                parse_json(new.device_query_json, DEVICES)
            except Invalid as error:
                raise Invalid(f"{error} at `deviceQueryJson`", field="deviceQueryJson") from error
        return new


class ExperienceGroups:
    """What groups own, their queries for devices counted in."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, application_id: str, group_id: str) -> ExperienceGroup:
        """Return one group; raises Missing."""
        return await self._store.read(
            lambda session: session.resources.get(GROUP, application_id, group_id)
        )

    async def device_counts(self, application_id: str, group_id: str, *, total: bool) -> int:
        """Return how many devices a group owns, with ``total`` also those of groups below."""

        async def work(session: Session) -> int:
            groups = [await session.resources.get(GROUP, application_id, group_id)]
            if total:
                below = everything(Compare("ancestorId", Operator.EQUAL, group_id))
                groups += (await session.resources.page(GROUP, application_id, below)).items
            owned = everything(any_of(map(owned_devices, groups)))
            return len(await session.resources.ids(DEVICE, application_id, owned))

        return await self._store.read(work)


def owned_devices(group: ExperienceGroup) -> Node:
    """Return the tree of the devices that a group itself owns."""
    tags = [
        {name: value for name, value in (("key", tag.key), ("value", tag.value)) if value}
        for tag in group.device_tags
    ]
    listed = devices_listed(group.device_ids, [tag for tag in tags if tag])
    if not group.device_query_json:
        return listed
    return any_of([listed, parse_json(group.device_query_json, DEVICES)])
