"""Pages in another order than newest first, of jobs that indexes give in parts.

Of a field with few values the jobs of each are taken in turn; where a field may be unset, the jobs
that have it come first. So a page costs as much at any depth. What has no index is sorted whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from drover.ports.inventory import NEWEST_FIRST, Found, Place
from drover.query.tree import Compare, Missing, Node, Not, Operator, all_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from drover.model.inventory import Inventoried
    from drover.ports.inventory import Order, Wanted
    from drover.store.driver import Transaction

    Pages = Callable[[Wanted], Awaitable[Found]]

FEW_VALUES: Final[Mapping[str, str]] = {"status": "execution.status", "job_type": "execution.kind"}
"""Fields with few values and an index that gives the jobs of each newest first."""

OFTEN_UNSET: Final = frozenset({"end_time"})
"""Fields with an index of the jobs that have them."""


class Orders:
    """Puts pages together; ``newest`` and ``sort`` read one newest first, or in any order."""

    def __init__(self, tx: Transaction, newest: Pages, sort: Pages) -> None:
        self._tx = tx
        self._newest = newest
        self._sort = sort

    async def page(self, wanted: Wanted) -> Found:
        """Return jobs in order."""
        if wanted.order.field in FEW_VALUES:
            return await self._each_value(wanted)
        if wanted.order.field in OFTEN_UNSET:
            return await self._set_then_unset(wanted)
        return await self._sort(wanted)

    async def _each_value(self, wanted: Wanted) -> Found:
        jobs: list[Inventoried] = []
        places: list[Place] = []
        after = wanted.after
        value = await self._next(wanted.order, None) if after is None else str(after.value)
        while value is not None and len(jobs) < wanted.limit:
            having = Compare(wanted.order.field, Operator.EQUAL, value)
            found = await self._newest(_part(wanted, having, len(jobs), after))
            jobs += found.jobs
            places += [Place(value, place.number) for place in found.places]
            after, value = None, await self._next(wanted.order, value)
        return Found(jobs, places)

    async def _next(self, order: Order, value: str | None) -> str | None:
        """Return the value that follows in an order; None behind the last."""
        column = FEW_VALUES[order.field]
        least, sign = ("max", "<") if order.descending else ("min", ">")
        beyond = "TRUE" if value is None else f"{column} {sign} CAST(:value AS TEXT)"
        sql = f"SELECT {least}({column}) AS value FROM execution WHERE {beyond}"  # noqa: S608 - made of the program's own parts
        rows = await self._tx.fetch_sql(sql, {} if value is None else {"value": value})
        found: str | None = rows[0]["value"]
        return found

    async def _set_then_unset(self, wanted: Wanted) -> Found:
        after, unset = wanted.after, Missing(wanted.order.field)
        jobs: Sequence[Inventoried] = []
        places: Sequence[Place] = []
        if after is None or after.value is not None:
            known = await self._sort(replace(wanted, query=all_of([wanted.query, Not(unset)])))
            jobs, places, after = known.jobs, known.places, None
        if len(jobs) < wanted.limit:
            rest = await self._newest(_part(wanted, unset, len(jobs), after))
            jobs, places = [*jobs, *rest.jobs], [*places, *rest.places]
        return Found(jobs, places)


def _part(wanted: Wanted, condition: Node, had: int, after: Place | None) -> Wanted:
    """Return what is still wanted of the jobs that hold a condition too, newest first."""
    return replace(
        wanted,
        query=all_of([wanted.query, condition]),
        order=NEWEST_FIRST,
        limit=wanted.limit - had,
        after=None if after is None else Place(None, after.number),
    )
