"""The area of the store that holds resources of every kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from drover.model.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.model.kind import Kind
    from drover.query.tree import Node

E = TypeVar("E", bound=Resource)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a list request asks for: one page of what matches, in an order.

    ``query`` overrides ``filter_field`` and ``filter``. Sorting ties break by id, ascending.
    """

    sort_field: str
    descending: bool = False
    offset: int = 0
    limit: int = 100
    filter_field: str | None = None
    filter: str | None = None
    query: Node | None = None
    within: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page(Generic[E]):
    """One page of matches and the count of all of them."""

    items: Sequence[E]
    total: int


class Resources(Protocol):
    """Resources of every kind; each lookup names the application that must own them."""

    async def add(self, kind: Kind[E], resource: E) -> None:
        """Insert; raises Duplicate when a unique value is taken."""
        ...

    async def put(self, kind: Kind[E], resource: E) -> None:
        """Replace one that exists; raises Missing, Duplicate."""
        ...

    async def get(self, kind: Kind[E], application_id: str, resource_id: str) -> E:
        """Return one; raises Missing, alike for absent ones and other tenants'."""
        ...

    async def get_bytes(self, kind: Kind[Any], application_id: str, resource_id: str) -> bytes:
        """Return the stored JSON of one, undecoded; raises Missing."""
        ...

    async def page(self, kind: Kind[E], application_id: str, listing: Listing) -> Page[E]:
        """Return one page."""
        ...

    async def remove(self, kind: Kind[Any], application_id: str, resource_id: str) -> None:
        """Delete one; raises Missing."""
        ...
