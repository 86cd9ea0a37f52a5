"""The area of the store that holds resources of every kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from drover.model.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.kind import Kind
    from drover.query.tree import Node

E = TypeVar("E", bound=Resource)
R = TypeVar("R")


MOST_PAGE_BYTES: Final = 67_108_864
"""Bytes of what is listed at once: one resource alone may have some megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a list request asks for: one page of what matches, in an order.

    ``query`` overrides ``filter_field`` and ``filter``; ``within`` always holds: it is what the
    path says (``{"flow_id": ...}``), and so does ``among``, whose columns must have one of the
    values. Sorting ties break by id, ascending. ``deleted`` asks for the
    deleted ones instead, where a kind keeps them. Who needs no ``total`` says so with ``counted``:
    to count all that match takes longer than to read the first of them. A page that has
    ``most_bytes`` and more is refused: with fewer resources it would not be the page asked for.
    """

    sort_field: str
    descending: bool = False
    offset: int = 0
    limit: int = 100
    filter_field: str | None = None
    filter: str | None = None
    query: Node | None = None
    within: Mapping[str, str] = field(default_factory=dict)
    among: Mapping[str, Sequence[str]] = field(default_factory=dict)
    deleted: bool = False
    counted: bool = True
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page of matches and the count of all of them, or up to there where none was asked for."""

    items: Sequence[R]
    total: int


class Resources(Protocol):
    """Resources of every kind; each lookup names the application that must own them.

    ``parent_id`` is that of the resource they must be kept inside, for kinds that have one.
    """

    async def add(self, kind: Kind[E], resource: E) -> None:
        """Insert; raises Duplicate when a unique value is taken."""
        ...

    async def add_many(self, kind: Kind[E], resources: Sequence[E]) -> None:
        """Insert many the fastest way; raises Duplicate when a unique value is taken."""
        ...

    async def put(self, kind: Kind[E], resource: E) -> None:
        """Replace one that exists; raises Missing, Duplicate."""
        ...

    async def get(
        self, kind: Kind[E], application_id: str, resource_id: str, parent_id: str | None = None
    ) -> E:
        """Return one; raises Missing, alike for absent ones and other tenants'."""
        ...

    async def lock(
        self, kind: Kind[E], application_id: str, resource_id: str, parent_id: str | None = None
    ) -> E:
        """Return one that nobody else may change before this unit of work ends; raises Missing."""
        ...

    async def lock_many(
        self, kind: Kind[E], application_id: str, ids: Sequence[str]
    ) -> Sequence[E]:
        """Return those of some that are there, kept from others until this unit of work ends."""
        ...

    async def put_many(self, kind: Kind[E], resources: Sequence[E]) -> None:
        """Replace many that this unit of work has locked, in few trips."""
        ...

    async def get_bytes(
        self,
        kind: Kind[Any],
        application_id: str,
        resource_id: str,
        parent_id: str | None = None,
    ) -> bytes:
        """Return the stored JSON of one, undecoded; raises Missing."""
        ...

    async def by_secret(self, kind: Kind[E], secret: str) -> E | None:
        """Return the one of a kind, whosever it is, that a secret of its own names."""
        ...

    async def by_own_name(self, kind: Kind[E], name: str) -> E | None:
        """Return the one, whosever it is, of a kind whose names nobody else may have."""
        ...

    async def page(self, kind: Kind[E], application_id: str, listing: Listing) -> Page[E]:
        """Return one page."""
        ...

    async def page_bytes(
        self, kind: Kind[Any], application_id: str, listing: Listing
    ) -> Page[bytes]:
        """Return one page of stored JSON, undecoded."""
        ...

    async def ids(self, kind: Kind[Any], application_id: str, listing: Listing) -> Sequence[str]:
        """Return the ids of all that match, whatever the page, in order of id."""
        ...

    async def after(
        self, kind: Kind[Any], application_id: str, after_id: str, limit: int
    ) -> Sequence[bytes]:
        """Return the stored JSON of those with greater ids, in order of id."""
        ...

    async def absent(
        self, kind: Kind[Any], application_id: str, ids: Sequence[str]
    ) -> Sequence[str]:
        """Return those ids of which the application has no resource."""
        ...

    async def remove(self, kind: Kind[Any], application_id: str, resource_id: str) -> None:
        """Delete one; raises Missing."""
        ...

    async def counts(self, application_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Return how many resources of each kind some applications have, by id and kind."""
        ...

    async def close(self, application_id: str) -> None:
        """Take away what an application that is deleted would still do; ``purge`` does the rest."""
        ...

    async def purge(self, application_id: str, part: int, limit: int) -> int | None:
        """Delete some of what an application had; return how much, None where there is no part.

        A part is empty once nothing was deleted of it.
        """
        ...
