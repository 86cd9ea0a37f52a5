"""The area of the store that holds the rows of data tables."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.ports.resources import Page
    from drover.query.tree import Node


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Row(NamedTuple):
    """One row.

    ``document`` is what answers show, its id too; ``unique`` holds the values of unique columns.
    """

    id: str
    created_ms: int
    updated_ms: int
    document: Mapping[str, Any]
    unique: Mapping[str, Any] = _NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class RowListing:
    """Which rows of a table: ``columns`` are its own, name -> data type.

    Without ``sort_column`` the oldest come first; a page of ``most_bytes`` and more is refused.
    """

    columns: Mapping[str, str]
    query: Node
    sort_column: str = ""
    descending: bool = False
    offset: int = 0
    limit: int = 1000
    most_bytes: int | None = None


class StoredRows(NamedTuple):
    """Rows as they are stored: a JSON array of them, how many, and the place of the last one.

    A place is a moment in ms and an id.
    """

    documents: str
    total: int
    last: tuple[int, str]


class Rows(Protocol):
    """Rows of data tables; each lookup names the application and the table that own them."""

    async def add(self, application_id: str, table_id: str, rows: Sequence[Row]) -> None:
        """Insert; raises Duplicate when a unique value is taken."""
        ...

    async def put(self, table_id: str, row: Row) -> None:
        """Replace one that exists; raises Duplicate."""
        ...

    async def lock(self, application_id: str, table_id: str, row_id: str) -> dict[str, Any]:
        """Return one that nobody else may change before this unit of work ends; raises Missing."""
        ...

    async def get(self, application_id: str, table_id: str, row_id: str) -> dict[str, Any]:
        """Return one; raises Missing."""
        ...

    async def page(
        self, application_id: str, table_id: str, listing: RowListing
    ) -> Page[dict[str, Any]]:
        """Return one page."""
        ...

    async def after(self, table_id: str, after: tuple[int, str], limit: int) -> StoredRows | None:
        """Return the rows after a place, oldest first; None where there are no more."""
        ...

    async def count(self, application_id: str) -> int:
        """Return how many rows all tables of an application have."""
        ...

    async def remove(self, table_id: str, row_ids: Sequence[str]) -> set[str]:
        """Delete some and return which: those that were still there."""
        ...

    async def truncate(self, table_id: str) -> int:
        """Delete all and return how many there were."""
        ...

    async def fill_column(self, table_id: str, name: str, value: Any) -> None:
        """Give all rows a value in a new column."""
        ...

    async def drop_column(self, table_id: str, name: str) -> None:
        """Take a column's values away."""
        ...
