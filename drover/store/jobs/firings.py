"""The durable queue of trigger firings; see ``drover.ports.jobs.Firings``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from drover.ports.jobs import Firing, LeasedFiring, Place

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from drover.store.driver import Row, Transaction


class FiringStore:
    """What flows are to be run for."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.stored = False
        """Whether any were stored here."""

    async def add(self, firings: Sequence[Firing], now_ms: int) -> None:
        """Store firings; one whose run id is waiting already replaces that one."""
        if firings:
            await self._tx.execute_many("firing_add", [_columns(each, now_ms) for each in firings])
            self.stored = True

    async def new_at(self, places: Iterable[Place], now_ms: int) -> Collection[Place]:
        """Note places of messages, and return those that were not noted before."""
        rows = [{**each._asdict(), "now_ms": now_ms} for each in sorted(set(places))]
        found = await self._tx.fetch_many("place_note", rows)
        return {Place(row["application_id"], row["name"]) for row in found}

    async def forget_places(self, before_ms: int, limit: int) -> int:
        """Forget places that were noted before a moment, the oldest first; return how many."""
        return await self._tx.execute("places_forget", {"before_ms": before_ms, "limit": limit})

    async def lease(self, limit: int, now_ms: int, until_ms: int) -> Sequence[LeasedFiring]:
        """Take firings that are due and not leased, oldest first."""
        params = {"limit": limit, "now_ms": now_ms, "until_ms": until_ms}
        rows = await self._tx.fetch("firings_lease", params)
        return sorted((_leased(row) for row in rows), key=lambda leased: leased.number)

    async def renew(self, numbers: Sequence[int], until_ms: int, new_until_ms: int) -> None:
        """Renew the leases of firings leased until then."""
        params = {"numbers": list(numbers), "until_ms": until_ms, "new_until_ms": new_until_ms}
        await self._tx.execute("firings_renew", params)

    async def tell(self, told: Mapping[int, Mapping[str, str]]) -> None:
        """Note what runs are told, by the firing's number and a name for each: for later tries."""
        rows = [
            {"number": number, "told": msgspec.json.encode(told[number]).decode()}
            for number in sorted(told)
        ]
        if rows:
            await self._tx.execute_many("firing_tell", rows)

    async def release(self) -> None:
        """Have firings that were taken come back now, before those that were stored later."""
        await self._tx.execute("firings_release")

    async def done(self, numbers: Sequence[int], until_ms: int) -> None:
        """Forget firings leased until then: they were acted on, or are given up."""
        await self._tx.execute("firings_done", {"numbers": list(numbers), "until_ms": until_ms})

    async def next_ms(self) -> int | None:
        """Return when the next firing is due."""
        row = await self._tx.fetch_one("firings_next_ms")
        return row["next_ms"] if row is not None else None

    async def waits(self, application_id: str, run_id: str) -> bool:
        """Tell whether a firing with this run id waits."""
        params = {"application_id": application_id, "run_id": run_id}
        return await self._tx.fetch_one("firing_by_run", params) is not None

    async def cancel(self, application_id: str, run_id: str) -> bool:
        """Forget the firing with this run id; False when there is none."""
        params = {"application_id": application_id, "run_id": run_id}
        return await self._tx.execute("firing_cancel", params) > 0


def _columns(firing: Firing, now_ms: int) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(firing),
        "trigger_key": firing.key,
        "data": firing.data.decode(),
        "root": firing.root.decode(),
        "due_ms": firing.due_ms or now_ms,
    }


def _leased(row: Row) -> LeasedFiring:
    firing = Firing(
        application_id=row["application_id"],
        trigger_type=row["trigger_type"],
        key=row["trigger_key"],
        data=row["data"].encode(),
        root=row["root"].encode(),
        due_ms=row["due_ms"],
        flow_id=row["flow_id"],
        flow_version=row["flow_version"],
        run_id=row["run_id"],
        execution=row["execution"],
        resource_id=row["resource_id"],
        depth=row["depth"],
    )
    told = (row["told"] or "{}").encode()
    return LeasedFiring(
        number=row["number"],
        tries=row["tries"],
        firing=firing,
        fired_ms=row["created_ms"],
        told=told,
    )
