"""Kinds whose resources have parents of the same kind: who is above whom, kept without circles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET, structs

from drover.app.catalog import QuietHook
from drover.model.errors import Invalid
from drover.ports.resources import Listing

if TYPE_CHECKING:
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.store import Session

MOST_ANCESTORS: Final = 100
"""How deep a tree may be."""


class TreeHook(QuietHook):
    """Keeps ``ancestor_ids`` in step with ``parent_id``, nearest ancestor first.

    What stood below a deleted resource stands below none.
    """

    async def before(
        self, session: Session, _caller: Caller, kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the resource with its ancestors; raises Invalid for a circle."""
        if old is not None and (old.parent_id or None) == (new.parent_id or None):
            return new
        return structs.replace(new, ancestor_ids=await _ancestors(session, kind, new))

    async def after(
        self, session: Session, _caller: Caller, kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Carry a change of ancestors down the tree."""
        if new is None:
            for child in await _children(session, kind, old):
                orphan = structs.replace(child, parent_id=UNSET, ancestor_ids=())
                await session.resources.put(kind, orphan)
                await _carry_down(session, kind, orphan)
        elif old is not None and old.ancestor_ids != new.ancestor_ids:
            await _carry_down(session, kind, new)


async def _ancestors(session: Session, kind: Kind[Any], new: Any) -> tuple[str, ...]:
    if not new.parent_id:
        return ()
    parent = await session.resources.get(kind, new.application_id, new.parent_id)
    line = (parent.id, *parent.ancestor_ids)
    if new.id in line:
        raise Invalid(f"A {kind.title.lower()} cannot stand below itself", field="parentId")
    if len(line) > MOST_ANCESTORS:
        raise Invalid(f"At most {MOST_ANCESTORS} may stand above one", field="parentId")
    return line


async def _children(session: Session, kind: Kind[Any], parent: Any) -> list[Any]:
    listing = Listing(sort_field="id", within={"parent_id": parent.id}, limit=2**31 - 1)
    return list((await session.resources.page(kind, parent.application_id, listing)).items)


async def _carry_down(session: Session, kind: Kind[Any], top: Any) -> None:
    waiting = [top]
    while waiting:
        parent = waiting.pop()
        for child in await _children(session, kind, parent):
            line = (parent.id, *parent.ancestor_ids)
            moved = structs.replace(child, ancestor_ids=line)
            await session.resources.put(kind, moved)
            waiting.append(moved)
