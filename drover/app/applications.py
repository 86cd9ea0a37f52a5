"""Applications: whose they are, who sees which, and what goes with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from drover.app.catalog import QuietHook
from drover.app.long_tasks import Asked
from drover.app.tasks.application_delete import TASK as DELETE
from drover.kinds.application import KIND, Readme
from drover.model.errors import Forbidden, Invalid
from drover.model.fields import Global, Key, ShortProse
from drover.model.global_values import check_globals
from drover.model.instants import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from drover.app.catalog import Catalog
    from drover.app.long_tasks import LongTasks
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.clock import Ids
    from drover.ports.resources import Listing, Page
    from drover.ports.store import Session, Store


MOST_GLOBALS: Final = 100


class GlobalPatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A change of one global; null JSON takes it away."""

    key: Key
    json: Annotated[str, Meta(min_length=1, max_length=32767)] | UnsetType | None = UNSET
    cloud_only: bool | UnsetType = UNSET
    description: ShortProse | UnsetType = UNSET


class Owner(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the document of an application says of its owner."""

    id: str
    owner_id: str
    owner_type: str


_OWNER = msgspec.json.Decoder(Owner).decode


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
    """Settles the owner of a new application, and has all of a deleted one taken away."""

    def __init__(self, tasks: LongTasks, owners: Owners = own_only) -> None:
        self._tasks = tasks
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
        self, session: Session, caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Ask for the task that deletes all that a deleted application had."""
        if new is None:
            await session.resources.close(old.id)
            asked = Asked(input={"applicationId": old.id, "name": old.name})
            await self._tasks.add(session, caller, DELETE, asked)


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

    async def summaries(self, application_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return how many resources of each counted kind applications have, by id and count."""
        found = await self._store.read(lambda session: session.resources.counts(application_ids))
        counted = {kind.one: kind.counted_as for kind in self._catalog.kinds.values()}
        return {
            application_id: {
                counted[one]: total for one, total in counts.items() if counted.get(one)
            }
            for application_id, counts in found.items()
        }

    async def counted(self, caller: Caller, org_id: str | None = None) -> Sequence[str]:
        """Return the ids of all applications of an organisation, or that a user sees.

        An administrator of the server counts their own and their organisations' like anybody.
        """

        async def work(session: Session) -> Sequence[str]:
            owners = session.access.owners
            if org_id is not None:
                return await owners.owned_by("organization", org_id)
            reached = await owners.within_reach(caller.user_id or "")
            seen = await self._seen(session, caller)
            ids = [each.owner.application_id for each in reached]
            return ids if seen is None else [each for each in ids if each in set(seen)]

        return await self._store.read(work)

    async def summary(self, caller: Caller, org_id: str | None = None) -> Mapping[str, int]:
        """Return how much there is in all applications that are counted."""
        ids = await self.counted(caller, org_id)
        total: Counter[str] = Counter(appCount=len(ids))
        for counts in (await self.summaries(ids)).values():
            total.update(counts)
        return total

    async def organization_names(self, documents: Iterable[bytes]) -> dict[str, str]:
        """Return the name of the organization that owns each application that one owns, by id."""
        owned = [each for each in map(_OWNER, documents) if each.owner_type == "organization"]

        async def work(session: Session) -> dict[str, str]:
            organizations = session.access.organizations
            owners = {each.owner_id for each in owned}
            names = {each: (await organizations.get(each)).name for each in owners}
            return {each.id: names[each.owner_id] for each in owned}

        return await self._store.read(work) if owned else {}

    async def patch_globals(
        self, caller: Caller, application_id: str, changes: Sequence[GlobalPatch]
    ) -> bytes:
        """Merge globals by key, those without a value going away, and return the document."""

        async def work(session: Session) -> bytes:
            old = await session.resources.lock(KIND, application_id, application_id)
            merged = merge_globals(old.globals, changes)
            now = to_text(await session.now_ms())
            new = structs.replace(old, globals=merged, last_updated=now)
            await self._catalog.change(session, caller, KIND, old, new)
            return await session.resources.get_bytes(KIND, application_id, application_id)

        return await self._store.write(work)

    async def readme(self, application_id: str) -> Readme:
        """Return the long text that introduces an application; raises Missing."""

        async def work(session: Session) -> Readme:
            found = await session.resources.get(KIND, application_id, application_id)
            return _readme(found)

        return await self._store.read(work)

    async def patch_readme(
        self, caller: Caller, application_id: str, content: str | UnsetType
    ) -> Readme:
        """Replace the long text of an application and return it; raises Missing."""

        async def work(session: Session) -> Readme:
            old = await session.resources.lock(KIND, application_id, application_id)
            if content is UNSET:
                return _readme(old)
            readme = Readme(
                content=content,
                last_updated=to_text(await session.now_ms()),
                last_updated_by_id=caller.id,
                last_updated_by_type=caller.type,
            )
            await session.resources.put(KIND, structs.replace(old, readme=readme))
            return readme

        return await self._store.write(work)


def merge_globals(current: Sequence[Global], changes: Sequence[GlobalPatch]) -> tuple[Global, ...]:
    """Return globals with changes merged by key; null JSON takes one away.

    Raises Invalid for a new one without JSON, for text that is none, and for too many.
    """
    merged = {each.key: each for each in current}
    for change in changes:
        old = merged.get(change.key)
        if change.json is None:
            merged.pop(change.key, None)
            continue
        given = {
            name: value
            for name in ("json", "cloud_only", "description")
            if (value := getattr(change, name)) is not UNSET
        }
        if old is None and "json" not in given:
            raise Invalid("Object missing required field `json`", field="json")
        merged[change.key] = structs.replace(old or Global(key=change.key, json="null"), **given)
    check_globals(merged.values())
    if len(merged) > MOST_GLOBALS:
        raise Invalid(f"At most {MOST_GLOBALS} globals are kept", field="globals")
    return tuple(merged.values())


def _readme(application: Any) -> Readme:
    return application.readme or Readme()
