"""Devices by the hundred thousand: stored in batches, their tree made from the bundle itself."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import structs

from drover.app.tree import MOST_ANCESTORS
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from drover.app.transfer.contents import Given
    from drover.model.kind import Kind
    from drover.ports.store import Session

BATCH: Final = 1000


class Maker(Protocol):
    """Makes resources of what a bundle holds, and hears of those that cannot be."""

    def decoded(self, given: Given) -> dict[str, Any]:
        """Return a resource as the bundle holds it, with new ids."""
        ...

    def made(
        self, kind: Kind[Any], given: Given, value: dict[str, Any], within: dict[str, str]
    ) -> Any:
        """Return a new resource; raises Invalid."""
        ...

    def note(self, kind: Kind[Any], given: Given, error: Invalid) -> None:
        """Remember what is wrong with one; raises Invalid once it is enough."""
        ...


class Fleet:
    """Stores new resources of one kind that stand in a tree; no hook hears of them."""

    def __init__(
        self, session: Session, kind: Kind[Any], application_id: str, maker: Maker
    ) -> None:
        self._session = session
        self._kind = kind
        self._application_id = application_id
        self._maker = maker
        self._parents: dict[str, str] = {}
        self._lines: dict[str, tuple[str, ...]] = {}
        self._absent: frozenset[str] = frozenset()

    async def add(self, fleet: Sequence[Given], new_ids: Mapping[str, str]) -> int:
        """Store all that can be and return how many; raises Invalid."""
        await self._look(fleet, new_ids)
        made = self._each(fleet)
        count = 0
        while batch := list(islice(made, BATCH)):
            await self._session.resources.add_many(self._kind, batch)
            count += len(batch)
        return count

    async def _look(self, fleet: Sequence[Given], new_ids: Mapping[str, str]) -> None:
        """Find who stands below whom, and which of those that are named are not there."""
        named: set[str] = set()
        for given in fleet:
            value = self._maker.decoded(given)
            named |= {value[name] for name in self._references if value.get(name)}
            self._parents[new_ids[given.id]] = value.get("parentId") or ""
        outside = sorted(named - self._parents.keys())
        resources = self._session.resources
        absent = await resources.absent(self._kind, self._application_id, outside)
        self._absent = frozenset(absent)
        for each in set(outside) - self._absent:
            found = await resources.get(self._kind, self._application_id, each)
            self._lines[each] = (each, *found.ancestor_ids)

    @property
    def _references(self) -> Sequence[str]:
        return [self._kind.wire_names[name] for name in self._kind.references]

    def _each(self, fleet: Sequence[Given]) -> Iterator[Any]:
        for given in fleet:
            try:
                value = self._maker.decoded(given)
                self._check(value)
                made = self._maker.made(self._kind, given, value, {})
                line = self._line(made.parent_id) if made.parent_id else ()
            except Invalid as error:
                self._maker.note(self._kind, given, error)
            else:
                yield structs.replace(made, ancestor_ids=line) if line else made

    def _check(self, value: Mapping[str, Any]) -> None:
        for name in self._references:
            if value.get(name) in self._absent:
                message = f"{self._kind.title} {value[name]} was not found at `{name}`"
                raise Invalid(message, field=name)

    def _line(self, start: str) -> tuple[str, ...]:
        """Return one and those above it, nearest first; raises Invalid for a circle."""
        line: list[str] = []
        at = start
        while at and at not in self._lines:
            line.append(at)
            if len(line) > MOST_ANCESTORS:
                raise Invalid(f"At most {MOST_ANCESTORS} may stand above one", field="parentId")
            at = self._parents.get(at, "")
        found = (*line, *self._lines.get(at, ()))
        self._lines[start] = found
        return found
