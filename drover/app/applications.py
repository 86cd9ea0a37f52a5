"""Applications: whose they are, who sees which, and what goes with them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import UNSET, structs

from drover.app.catalog import QuietHook
from drover.kinds.application import KIND
from drover.model.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.catalog import Catalog
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.clock import Ids
    from drover.ports.resources import Listing, Page
    from drover.ports.store import Session, Store


class Owners(Protocol):
    """For whom a caller may make applications."""

    async def __call__(self, session: Session, caller: Caller, /) -> Mapping[str, str]:
        """Return the owner type, ``user`` or ``organization``, by owner id."""
        ...


async def own_only(_session: Session, caller: Caller) -> Mapping[str, str]:
    """Return the caller's own user and organisation: the rule of a server without members."""
    owners = {caller.user_id: "user", caller.org_id: "organization"}
    return {owner: kind for owner, kind in owners.items() if owner is not None}


class Seen(Protocol):
    """Which applications a caller sees."""

    async def __call__(self, session: Session, caller: Caller, /) -> Sequence[str] | None:
        """Return their ids; None stands for all there are."""
        ...


async def owned(session: Session, caller: Caller) -> Sequence[str] | None:
    """Return the caller's own, or the one its token is bound to: without looking at members."""
    if caller.application_id is not None:
        return (caller.application_id,)
    mine = [
        await session.access.owners.owned_by("user", caller.user_id or ""),
        await session.access.owners.owned_by("organization", caller.org_id or ""),
    ]
    return [application_id for found in mine for application_id in found]


class ApplicationHook(QuietHook):
    """Settles the owner of a new application, and takes all of a deleted one away."""

    def __init__(self, owners: Owners = own_only) -> None:
        self._owners = owners

    async def before(
        self, session: Session, caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the application with its owner."""
        if old is not None:
            return new
        owners = await self._owners(session, caller)
        wanted = new.org_id if new.org_id is not UNSET else caller.user_id or caller.org_id
        if wanted is None or wanted not in owners:
            raise Forbidden("Applications cannot be created for this owner", field="orgId")
        owner = {"owner_id": wanted, "owner_type": owners[wanted], "org_id": UNSET}
        return structs.replace(new, application_id=new.id, **owner)

    async def after(
        self, session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Take away all resources of a deleted application."""
        if new is None:
            await session.resources.purge(old.id)


class Applications:
    """Which applications a caller sees."""

    def __init__(self, store: Store, catalog: Catalog, ids: Ids, seen: Seen = owned) -> None:
        self._store = store
        self._catalog = catalog
        self._ids = ids
        self._seen = seen

    async def create(self, caller: Caller, body: bytes) -> bytes:
        """Store a new application and return its document."""
        return await self._catalog.create(caller, KIND, "", body)

    async def list(self, caller: Caller, listing: Listing, org_id: str | None) -> Page[bytes]:
        """Return one page of the applications that the caller sees."""

        async def work(session: Session) -> Page[bytes]:
            seen = await self._seen(session, caller)
            among = {} if seen is None else {"id": seen}
            if org_id is not None:
                among["owner_id"] = (org_id,)
            narrowed = replace(listing, among=among)
            return await session.resources.page_bytes(KIND, "", narrowed)

        return await self._store.read(work)
