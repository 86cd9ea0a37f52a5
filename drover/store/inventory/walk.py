"""The newest jobs that ran on devices which an index has found.

Two ways lead from devices to jobs. Where the devices are many, the newest items of jobs are looked
through for theirs. Where they are few, or the newest items did not do, the jobs of each device are
sought by an index within a span of numbers; how far a span reaches is told by how many matched so
far. Neither looks at more than a part of the items, however deep a page lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.store.driver import Transaction
    from drover.store.inventory.plan import Plan

FEW_DEVICES: Final = 200
"""The jobs of so few devices are sought at once."""

FIRST_ITEMS: Final = 6000
MOST_ITEMS: Final = 20_000
"""So many of the newest items are looked through before devices are sought one by one."""

FIRST_SPAN: Final = 50_000
_GROWTH: Final = 16
_MARGIN: Final = 1.5


class Walk:
    """One walk down the numbers of jobs, until as many as are wanted are found.

    ``devices`` tells how many candidates there are.
    """

    def __init__(self, tx: Transaction, asked: Plan, devices: int) -> None:
        self._tx = tx
        self._asked = asked
        self._devices = devices
        self._wanted = asked.wanted.limit
        self._upper = 0
        self._looked = 0
        self._found: list[int] = []

    async def numbers(self) -> list[int]:
        """Return the numbers of the newest jobs that match, newest first."""
        after = self._asked.wanted.after
        newest = await self._item_before(after.number if after else _LARGEST, 0)
        if newest is None or not self._devices:
            return []
        self._upper = newest + 1
        if self._devices > FEW_DEVICES:
            await self._through_items()
        await self._by_device()
        return self._found

    async def _through_items(self) -> None:
        """Look through the newest items, a stretch at a time; jobs of many items end this."""
        items = FIRST_ITEMS
        looked = 0
        while not self._done() and looked < MOST_ITEMS:
            floor = await self._item_before(self._upper, items)
            if floor is not None and floor + 1 >= self._upper:
                return
            await self._look(-1 if floor is None else floor, seek=False)
            looked += items
            items = min(self._ahead(looked), MOST_ITEMS)

    async def _by_device(self) -> None:
        while not self._done():
            span = self._ahead(self._looked) if self._looked else FIRST_SPAN
            await self._look(max(self._upper - 1 - span, -1), seek=True)

    async def _look(self, floor: int, *, seek: bool) -> None:
        """Add the matches numbered from above ``floor`` to below ``upper``."""
        hits = self._asked.hits(seek=seek)
        bounds: Mapping[str, object] = {
            "floor": floor,
            "upper": self._upper,
            "missing": self._wanted - len(self._found),
        }
        rows = await self._tx.fetch_sql(hits.sql, {**hits.params, **bounds})
        self._found += [row["number"] for row in rows]
        self._looked += self._upper - 1 - floor
        self._upper = floor + 1

    def _done(self) -> bool:
        return len(self._found) >= self._wanted or self._upper <= 0

    def _ahead(self, looked: int) -> int:
        """Return how much further to look, going by what was found in ``looked``."""
        missing = self._wanted - len(self._found)
        if not self._found:
            return looked * _GROWTH
        return min(int(missing * looked / len(self._found) * _MARGIN) + 1, looked * _GROWTH)

    async def _item_before(self, upper: int, items: int) -> int | None:
        """Return the job of the item that lies so many items below ``upper``, if there is one."""
        params = {"upper": upper, "items": items}
        row = await self._tx.fetch_one("inventory_item_before", params)
        return None if row is None else int(row["number"])


_LARGEST: Final = 2**63 - 1
