"""What a user looked at lately, by what it was: a list for each type, and each parent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from drover.app.access.accounts import own_id
from drover.app.access.organizations import member_role
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.device import KIND as DEVICE
from drover.kinds.flow import KIND as FLOW
from drover.model.access import MemberRole
from drover.model.errors import Forbidden, Invalid, Missing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.applications import Seen
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.store import Session, Store

ItemType = Literal["application", "device", "flow", "dashboard", "organization"]

KEPT: Final = 10
"""Items that are remembered of one type, and one parent."""

_INSIDE: Final[Mapping[str, Kind[Any]]] = {"device": DEVICE, "flow": FLOW}
"""The kinds of those types whose parent is an application."""


class RecentItems:
    """The lists of the calling user; only what they see now is shown."""

    def __init__(self, store: Store, seen: Seen) -> None:
        self._store = store
        self._seen = seen

    async def add(
        self, caller: Caller, item_type: ItemType, parent_id: str | None, item_id: str
    ) -> Sequence[tuple[str, str]]:
        """Put an item at the top of its list and return the list; raises Invalid for no item."""
        account_id, parent = own_id(caller), _parent(item_type, parent_id)

        async def work(session: Session) -> Sequence[tuple[str, str]]:
            if await self._name(session, caller, item_type, parent, item_id) is None:
                raise Invalid("There is nothing with this id at `itemId`", field="itemId")
            traces = session.access.traces
            await traces.see(account_id, item_type, parent, item_id, most=KEPT)
            return await self._list(session, caller, item_type, parent)

        return await self._store.write(work)

    async def all(
        self, caller: Caller, item_type: ItemType, parent_id: str | None = None
    ) -> Sequence[tuple[str, str]]:
        """Return ids and names of what the user looked at, newest first; raises Invalid."""
        own_id(caller)
        parent = _parent(item_type, parent_id)
        return await self._store.read(
            lambda session: self._list(session, caller, item_type, parent)
        )

    async def _list(
        self, session: Session, caller: Caller, item_type: str, parent: str
    ) -> Sequence[tuple[str, str]]:
        ids = await session.access.traces.seen(own_id(caller), item_type, parent)
        named = [(each, await self._name(session, caller, item_type, parent, each)) for each in ids]
        return [(item_id, name) for item_id, name in named if name is not None]

    async def _name(
        self, session: Session, caller: Caller, item_type: str, parent: str, item_id: str
    ) -> str | None:
        """Return the name of what the caller may see, None of all else."""
        try:
            if item_type == "organization":
                return await _organization(session, caller, item_id)
            application_id = parent or item_id
            seen = await self._seen(session, caller)
            if item_type == "dashboard" or (seen is not None and application_id not in seen):
                return None
            kind: Kind[Any] = _INSIDE.get(item_type, APPLICATION)
            return str((await session.resources.get(kind, application_id, item_id)).name)
        except (Missing, Forbidden):
            return None


async def _organization(session: Session, caller: Caller, organization_id: str) -> str | None:
    role = await member_role(session, caller, organization_id)
    if role is MemberRole.NONE:
        return None
    return (await session.access.organizations.get(organization_id)).name


def _parent(item_type: str, parent_id: str | None) -> str:
    """Return the parent of a list; only devices and workflows are looked at inside one."""
    if item_type not in _INSIDE:
        return ""
    if parent_id is None:
        raise Invalid("The application is needed at `parentId`", field="parentId")
    return parent_id
