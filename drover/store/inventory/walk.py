"""The newest jobs that ran on devices which an index has found.

Where the devices are many, the newest items of jobs are looked through for theirs. Where they are
few, or the newest items did not do, the jobs of each device are sought by an index within a span of
numbers; how far a span reaches is told by how many items there are, then by how many matched so
far. Neither looks at more than a part of the items, however deep a page lies.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.store.driver import Row, Transaction
    from drover.store.inventory.hits import Hits

SOUGHT: Final[Mapping[str, int]] = {"sqlite": 3600, "postgres": 1400}
"""The items of so many devices are sought in the time in which ``NEWEST`` are looked through."""

NEWEST: Final = 20_000
"""Items that are looked through before those of devices are sought."""

SAMPLE: Final = 2_000
"""Items that tell how many numbers of jobs a number of items takes."""

FIRST_SPAN: Final = 40_000_000
MOST_IN_SPAN: Final = 100_000
"""The first span has so many items over the number of devices, and no more than this."""

ITEMS_EACH: Final = 8
"""Items of candidates that are looked at for each job that is wanted, and so on at first."""

_GROWTH: Final = 16
_MARGIN: Final = 1.5
_LARGEST: Final = 2**63 - 1


class Walk:
    """One walk down the numbers of jobs, until as many as are wanted are found.

    ``devices`` tells how many candidates there are.
    """

    def __init__(self, tx: Transaction, hits: Hits, devices: int) -> None:
        self._tx = tx
        self.hits = hits
        self._devices = devices
        self._wanted = hits.asked.wanted.limit
        self._floor, self._upper = hits.asked.bounds()
        self._top = self._upper
        self._found: dict[int, None] = {}

    async def numbers(self) -> list[int]:
        """Return the numbers of the newest jobs that match, newest first."""
        if not self._devices:
            return []
        if self._devices > SOUGHT[self._tx.dialect]:
            await self._through_newest()
        if not self._done():
            await self._by_device()
        return list(self._found)

    async def _through_newest(self) -> None:
        asked = self.hits.among_newest()
        self._take(await self._fetch(asked.sql, asked.params, self._floor, NEWEST))
        if not self._done():
            row = await self._items_below(NEWEST)
            self._upper = self._floor + 1 if row["last"] is None else self._behind(row["last"])

    async def _by_device(self) -> None:
        asked = self.hits.sought()
        span, items = await self._first_span(), ITEMS_EACH * self._wanted
        looks = 0
        while not self._done():
            if looks == 1:  # what was looked at did not do: go on with those that match at all
                await self._narrow()
                asked = self.hits.sought()
            looks += 1
            floor = max(self._upper - 1 - span, self._floor)
            rows = await self._fetch(asked.sql, asked.params, floor, items)
            self._take([row for row in rows if row["items"] < 0])
            seen = max(rows, key=itemgetter("items"))
            if seen["items"] < items:
                self._upper = floor + 1
            else:
                self._upper = self._behind(seen["number"])
                items *= _GROWTH  # such that a job with more items than this is passed as well
            span = self._ahead()

    async def _narrow(self) -> None:
        """Leave out candidates that do not match, whatever their jobs."""
        narrowed = self.hits.narrowed()
        if narrowed is not None:
            rows = await self._tx.fetch_sql(narrowed.sql, narrowed.params)
            self.hits = self.hits.among([row["id"] for row in rows])

    async def _first_span(self) -> int:
        """Return how many numbers take as many items as are to be looked at first."""
        row = await self._items_below(SAMPLE)
        if row["last"] is None:  # there are no more than these
            return self._upper - self._floor
        self._top = self._upper = min(self._upper, int(row["newest"]) + 1)
        density = SAMPLE / (self._upper - int(row["last"]))
        return int(min(FIRST_SPAN / self._devices, MOST_IN_SPAN) / density) + 1

    async def _items_below(self, items: int) -> Row:
        row = await self._tx.fetch_one(
            "inventory_items_below", {"upper": self._upper, "items": items}
        )
        assert row is not None  # noqa: S101 - the statement has always a row
        return row

    async def _fetch(
        self, sql: str, params: Mapping[str, object], floor: int, items: int
    ) -> Sequence[Row]:
        missing = self._wanted - len(self._found)
        bounds = {"floor": floor, "upper": self._upper, "items": items, "missing": missing}
        return await self._tx.fetch_sql(sql, {**params, **bounds})

    def _behind(self, number: int) -> int:
        """Return where to go on behind a job of which some items may not have been looked at."""
        return number if number in self._found else number + 1

    def _take(self, rows: Sequence[Row]) -> None:
        """Add matches."""
        for number in sorted((row["number"] for row in rows), reverse=True):
            self._found[number] = None

    def _done(self) -> bool:
        return len(self._found) >= self._wanted or self._upper - 1 <= self._floor

    def _ahead(self) -> int:
        """Return how much further to look, going by what was found so far."""
        looked, found = self._top - self._upper + 1, len(self._found)
        if not found:
            return looked * _GROWTH
        return min(int((self._wanted - found) * looked / found * _MARGIN) + 1, looked * _GROWTH)
