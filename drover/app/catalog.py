"""Create, read, list, change and delete resources of any kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from drover.model.bodies import decode
from drover.model.errors import Invalid, Missing
from drover.model.kind import Stamp
from drover.model.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.clock import Ids
    from drover.ports.resources import Listing, Page
    from drover.ports.store import Session, Store

E = TypeVar("E", bound=Resource)


class Hook(Protocol):
    """What else belongs to a change of a resource, in the same unit of work.

    ``before`` and ``after`` may run more than once for one change, so they change nothing but the
    store.
    """

    async def prepare(self, caller: Caller, kind: Kind[Any], given: Any, /) -> Any:
        """Return the decoded body to act on: for slow work, before the unit of work begins."""
        ...

    async def before(
        self, session: Session, caller: Caller, kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return what to store in place of ``new``; ``old`` is None on create.

        Raises to refuse the change.
        """
        ...

    async def after(
        self, session: Session, caller: Caller, kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Act on a stored change; ``new`` is None after a delete."""
        ...


class QuietHook:
    """A hook that does nothing: others replace what they need."""

    async def prepare(self, _caller: Caller, _kind: Kind[Any], given: Any, /) -> Any:
        """Return the body unchanged."""
        return given

    async def before(
        self, _session: Session, _caller: Caller, _kind: Kind[Any], _old: Any, new: Any, /
    ) -> Any:
        """Store it unchanged."""
        return new

    async def after(
        self, _session: Session, _caller: Caller, _kind: Kind[Any], _old: Any, _new: Any, /
    ) -> None:
        """Do nothing more."""


def _quietly(_caller: Caller, _kind: Kind[Any], _application_id: str, _size: int) -> None:
    """Tell nobody."""


class Catalog:
    """The usual five operations, the same for every kind.

    Answers are documents: the JSON of a resource as it is stored and shown.
    """

    def __init__(
        self,
        store: Store,
        ids: Ids,
        kinds: Sequence[Kind[Any]],
        hooks: Mapping[str, Sequence[Hook]] | None = None,
        made: Callable[[Caller, Kind[Any], str, int], None] = _quietly,
    ) -> None:
        """``made`` is called after one was stored by a request, with its application and size."""
        self._made = made
        self.kinds = {kind.one: kind for kind in kinds}
        self._store = store
        self._ids = ids
        self._hooks = hooks or {}

    async def create(
        self,
        caller: Caller,
        kind: Kind[Any],
        application_id: str,
        body: bytes | msgspec.Struct,
        within: Mapping[str, str] | None = None,
    ) -> bytes:
        """Store a new resource and return its document; raises Invalid, Duplicate."""
        given = await self._prepared(caller, kind, body, kind.post_type)

        async def work(session: Session) -> bytes:
            now_ms = await session.now_ms()
            stamp = self.stamp(caller, application_id, now_ms)
            made = await self.add(session, caller, kind, kind.create(given, stamp, within))
            shown = await session.resources.get_bytes(kind, made.application_id, made.id)
            return _with(shown, kind.shown_once(made))

        document = await self._store.write(work)
        self._made(caller, kind, application_id, len(document))
        return document

    async def get(
        self,
        kind: Kind[Any],
        application_id: str,
        resource_id: str,
        parent_id: str | None = None,
    ) -> bytes:
        """Return the document of one; raises Missing."""
        return await self._store.glance(
            lambda session: session.resources.get_bytes(
                kind, application_id, resource_id, parent_id
            )
        )

    async def list(self, kind: Kind[Any], application_id: str, listing: Listing) -> Page[bytes]:
        """Return one page of documents; raises Missing where what they are kept inside is."""

        async def work(session: Session) -> Page[bytes]:
            if kind.parent:
                within = listing.within[kind.parent_field]
                await session.resources.get_bytes(self.kinds[kind.parent], application_id, within)
            return await session.resources.page_bytes(kind, application_id, listing)

        return await self._store.read(work)

    async def patch(
        self,
        caller: Caller,
        kind: Kind[Any],
        old: tuple[str, str, str | None],
        body: bytes | msgspec.Struct,
    ) -> bytes:
        """Change the fields named in ``body`` and return the document.

        ``old`` is the ids of the application, of the resource and of what it is kept inside.
        Raises Missing, Invalid, Duplicate.
        """
        application_id, resource_id, parent_id = old
        given = await self._prepared(caller, kind, body, kind.patch_type)

        async def work(session: Session) -> bytes:
            resources = session.resources
            current = await resources.lock(kind, application_id, resource_id, parent_id)
            stamp = self.stamp(caller, application_id, await session.now_ms())
            await self.change(session, caller, kind, current, kind.patch(current, given, stamp))
            return await resources.get_bytes(kind, application_id, resource_id)

        return await self._store.write(work)

    async def delete(
        self,
        caller: Caller,
        kind: Kind[Any],
        application_id: str,
        resource_id: str,
        parent_id: str | None = None,
    ) -> None:
        """Delete one; raises Missing."""

        async def work(session: Session) -> None:
            current = await session.resources.lock(kind, application_id, resource_id, parent_id)
            await self.drop(session, caller, kind, current)

        await self._store.write(work)

    async def add(self, session: Session, caller: Caller, kind: Kind[E], new: E) -> E:
        """Store a new resource inside a unit of work, hooks and all, and return it."""
        await self._check_references(session, kind, None, new)
        for hook in self._hooks.get(kind.one, ()):
            new = await hook.before(session, caller, kind, None, new)
        await session.resources.add(kind, new)
        for hook in self._hooks.get(kind.one, ()):
            await hook.after(session, caller, kind, None, new)
        return new

    async def change(self, session: Session, caller: Caller, kind: Kind[E], old: E, new: E) -> E:
        """Replace a locked resource inside a unit of work, hooks and all, and return it."""
        new = await self._ready(session, caller, kind, old, new)
        await session.resources.put(kind, new)
        for hook in self._hooks.get(kind.one, ()):
            await hook.after(session, caller, kind, old, new)
        return new

    async def change_many(
        self, session: Session, caller: Caller, kind: Kind[E], changes: Sequence[tuple[E, E]]
    ) -> int:
        """Replace locked resources together, hooks and all; return how many.

        One that may not be replaced stays as it was. No change may depend on another one of these.
        """
        ready: list[tuple[E, E]] = []
        for old, new in changes:
            try:
                ready.append((old, await self._ready(session, caller, kind, old, new)))
            except (Invalid, Missing):
                continue
        await session.resources.put_many(kind, [new for _, new in ready])
        for old, new in ready:
            for hook in self._hooks.get(kind.one, ()):
                await hook.after(session, caller, kind, old, new)
        return len(ready)

    async def _ready(self, session: Session, caller: Caller, kind: Kind[E], old: E, new: E) -> E:
        """Return what to store in place of a locked resource; raises to refuse the change."""
        await self._check_references(session, kind, old, new)
        for hook in self._hooks.get(kind.one, ()):
            new = await hook.before(session, caller, kind, old, new)
        return new

    async def drop(self, session: Session, caller: Caller, kind: Kind[E], old: E) -> None:
        """Delete a locked resource inside a unit of work, hooks and all."""
        await session.resources.remove(kind, old.application_id, old.id)
        for hook in self._hooks.get(kind.one, ()):
            await hook.after(session, caller, kind, old, None)

    async def _prepared(
        self,
        caller: Caller,
        kind: Kind[Any],
        body: bytes | msgspec.Struct,
        shape: type[msgspec.Struct],
    ) -> Any:
        given = decode(body, shape) if isinstance(body, bytes) else body
        for hook in self._hooks.get(kind.one, ()):
            given = await hook.prepare(caller, kind, given)
        return given

    def stamp(self, caller: Caller, application_id: str, now_ms: int) -> Stamp:
        """Return identity, time and author of what a caller makes or changes now."""
        return Stamp(self._ids.new(), application_id, now_ms, caller.id, caller.type)

    async def _check_references(
        self, session: Session, kind: Kind[E], old: E | None, new: E
    ) -> None:
        for name, target in kind.checked_references.items():
            given = getattr(new, name)
            if not given or (old is not None and getattr(old, name) == given):
                continue
            ids = (given,) if isinstance(given, str) else given
            absent = await session.resources.absent(self.kinds[target], new.application_id, ids)
            if absent:
                field = kind.wire_names[name]
                message = f"{self.kinds[target].title} {absent[0]} was not found at `{field}`"
                raise Invalid(message, field=field)


def _with(document: bytes, more: Mapping[str, Any]) -> bytes:
    return document[:-1] + b"," + msgspec.json.encode(more)[1:] if more else document
