"""Jobs of every kind in one transaction; see ``drover.ports.inventory.Inventory``.

A page is read from the newest job on, each looked at until enough match. Where few devices can
match, that would look at nearly every job; then the walk begins at the devices and goes to the
jobs that ran on them, see ``drover.store.inventory.walk``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from drover.model.beacon_job import BEACON
from drover.model.errors import Missing
from drover.model.inventory import CANCELED, Inventoried
from drover.ports.inventory import NEWEST_FIRST, Found, Place, Standing, Wanted
from drover.query.digi.fields import SUBMITTER
from drover.query.fold import fold
from drover.query.tree import NOTHING, And, Compare, In, Node, Operator, all_of
from drover.store.beacons.callbacks import note_due_callbacks
from drover.store.inventory.hits import hits
from drover.store.inventory.jobs import WHO
from drover.store.inventory.orders import Orders
from drover.store.inventory.plan import Plan, plan
from drover.store.inventory.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.model.run import Actor
    from drover.ports.inventory import Reach
    from drover.store.driver import Row, Transaction

MOST_DEVICES: Final = 5000
"""The walk begins at the devices where no more than so many can match."""

PURGED: Final = 1000
"""Jobs that are deleted in one unit of work, and at most so many items of theirs."""

PURGED_ITEMS: Final = 5000


class InventoryArea:
    """Jobs of every kind."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def page(self, wanted: Wanted) -> Found:
        """Return jobs in order."""
        known = replace(wanted, query=await self._submitters_known(wanted.query))
        if wanted.order == NEWEST_FIRST:
            return await self._newest_page(known)
        return await Orders(self._tx, self._newest_page, self._sorted_page).page(known)

    async def count(self, reach: Reach, query: Node) -> int:
        """Count the jobs that match."""
        asked = plan(self._tx, Wanted(reach, await self._submitters_known(query)))
        walk = await self._walk(asked)
        narrowing = "TRUE" if walk is None else walk.hits.narrowing()
        rows = await self._tx.fetch_sql(asked.counting(narrowing), asked.params)
        return int(rows[0]["count"])

    async def one(self, reach: Reach, number: int, most_targets: int) -> Inventoried:
        """Return one with its first target devices; raises Missing."""
        asked = plan(self._tx, Wanted(reach, limit=1))
        sql = _chosen(asked, [number])
        rows = await self._tx.fetch_sql(sql, asked.params)
        if not rows:
            raise Missing("Job was not found")
        targets = await self._tx.fetch(
            "inventory_targets", {"number": number, "limit": most_targets}
        )
        ids = tuple(row["resource_id"] for row in targets)
        return msgspec.structs.replace(_job(rows[0]), targets=ids or None)

    async def numbers(self, wanted: Wanted) -> Sequence[int]:
        """Return the numbers of matching jobs, newest first."""
        query = await self._submitters_known(wanted.query)
        asked = plan(self._tx, replace(wanted, query=query))
        walk = await self._walk(asked)
        if walk is not None:
            return await walk.numbers()
        rows = await self._tx.fetch_sql(asked.numbers(), asked.params)
        return [row["number"] for row in rows]

    async def standings(self, wanted: Wanted) -> Sequence[Standing]:
        """Return where matching jobs stand, newest first, held until the end of the unit."""
        asked = plan(self._tx, wanted)
        return _standings(await self._tx.fetch_sql(asked.standings(), asked.params))

    async def named(self, reach: Reach, numbers: Sequence[int]) -> Sequence[Standing]:
        """Return where jobs stand, by number, held until the end of the unit; absent ones not."""
        wanted = Wanted(reach, In("id", tuple(numbers)), limit=len(numbers))
        return await self.standings(wanted)

    async def cancel(self, numbers: Sequence[int], actor: Actor, now_ms: int) -> Sequence[Standing]:
        """Cancel those not ended: what has not begun at once, the rest as soon as it can stop.

        Returns where these stand now, in no order.
        """
        params = {
            "numbers": list(numbers),
            "source_type": actor.type,
            "source_id": actor.id,
            "now_ms": now_ms,
        }
        rows = await self._tx.fetch("inventory_cancel", params)
        ended = [each["number"] for each in rows if _has_ended(each) and each["kind"] == BEACON]
        if ended:
            await note_due_callbacks(self._tx, ended, now_ms)
        return _standings(rows)

    async def discard(self, numbers: Sequence[int]) -> None:
        """Show these no more, and delete them once they have ended."""
        await self._tx.execute("inventory_discard", {"numbers": list(numbers)})
        await self.purge()

    async def to_purge(self) -> bool:
        """Tell whether there are discarded jobs that have ended."""
        return await self._tx.fetch_one("inventory_to_purge", {"limit": 1}) is not None

    async def purge(self) -> bool:
        """Delete some discarded jobs that have ended; tell whether there may be more."""
        rows = await self._tx.fetch("inventory_to_purge", {"limit": PURGED})
        numbers = [row["number"] for row in rows]
        params = {"numbers": numbers, "limit": PURGED_ITEMS}
        if await self._tx.execute("inventory_purge_items", params) == PURGED_ITEMS:
            return True
        await self._tx.execute("inventory_purge", {"numbers": numbers})
        return len(numbers) == PURGED

    async def _submitters_known(self, query: Node) -> Node:
        """Return a query that asks for users by ids: how many jobs these have, databases know."""
        parts = query.parts if isinstance(query, And) else (query,)
        known = [await self._submitter_known(part) for part in parts]
        return all_of(known)

    async def _submitter_known(self, part: Node) -> Node:
        match part:
            case Compare("username", Operator.EQUAL, str() as name):
                rows = await self._tx.fetch_sql(
                    f"SELECT who.id FROM {WHO}who.email = :email",  # noqa: S608 - made of the program's own parts
                    {"email": fold(name)},
                )
                return In(SUBMITTER, tuple(row["id"] for row in rows)) if rows else NOTHING
            case _:
                return part

    async def _newest_page(self, wanted: Wanted) -> Found:
        return _found(await self._newest(plan(self._tx, wanted)))

    async def _sorted_page(self, wanted: Wanted) -> Found:
        asked = plan(self._tx, wanted)
        return _found(await self._tx.fetch_sql(asked.rows(asked.words.shown), asked.params))

    async def _newest(self, asked: Plan) -> Sequence[Row]:
        walk = await self._walk(asked)
        if walk is not None:
            numbers = await walk.numbers()
            return await self._tx.fetch_sql(_chosen(asked, numbers), asked.params)
        for window in asked.windows():
            sql = asked.rows(asked.words.shown, window=window)
            rows = await self._tx.fetch_sql(sql, asked.params)
            if len(rows) == asked.wanted.limit:
                return rows
        return await self._tx.fetch_sql(asked.rows(asked.words.shown), asked.params)

    async def _walk(self, asked: Plan) -> Walk | None:
        """Return the walk from the devices of a match; None where they are many or unknown."""
        found = hits(asked)
        if found is None:
            return None
        if found.read_through:  # once, not in each statement of the walk
            listing = found.listing(MOST_DEVICES + 1)
            ids = [row["id"] for row in await self._tx.fetch_sql(listing.sql, listing.params)]
            found, devices = found.among(ids), len(ids)
        else:
            counting = found.counting(MOST_DEVICES + 1)
            rows = await self._tx.fetch_sql(counting.sql, counting.params)
            devices = int(rows[0]["count"])
        return Walk(self._tx, found, devices) if devices <= MOST_DEVICES else None


def _chosen(asked: Plan, numbers: Sequence[int]) -> str:
    columns = ", ".join(f"{sql} AS {name}" for name, sql in asked.words.shown.items())
    asked.params["limit"] = asked.wanted.limit
    return (
        f"SELECT {columns}, NULL AS sort_value, execution.number AS sort_number FROM execution"  # noqa: S608 - made of the program's own parts
        f" WHERE {asked.among(numbers)} ORDER BY execution.number DESC LIMIT :limit"
    )


def _found(rows: Sequence[Row]) -> Found:
    places = [Place(row["sort_value"], row["sort_number"]) for row in rows]
    return Found([_job(row) for row in rows], places)


def _has_ended(row: Row) -> bool:
    return bool(row["status"] == CANCELED)


def _standings(rows: Sequence[Row]) -> Sequence[Standing]:
    return [Standing(row["number"], row["status"]) for row in rows]


def _job(row: Row) -> Inventoried:
    values = list(cast("Sequence[Any]", row))[:_SHOWN]
    values[_CANCEL_REQUESTED] = bool(values[_CANCEL_REQUESTED])
    return Inventoried(**dict(zip(_NAMES, values, strict=True)))


_NAMES: Final = tuple(name for name in Inventoried.__struct_fields__ if name != "targets")
_SHOWN: Final = len(_NAMES)
_CANCEL_REQUESTED: Final = _NAMES.index("cancel_requested")
