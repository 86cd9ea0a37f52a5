"""Workers that take the jobs of beacons; see ``drover.ports.beacon_registry``."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec

from drover.ports.beacon_registry import Queue, SeenWorker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.beacon_registry import Beat
    from drover.ports.beacons import Sight
    from drover.store.driver import Row, Transaction


class BeaconRegistryStore:
    """Workers and their signs of life."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def note(self, beats: Sequence[Beat]) -> None:
        """Write signs of life, one for each worker."""
        # In one order, so that servers that write at the same time do not wait for each other.
        ordered = sorted(beats, key=lambda beat: (beat.owner_id, beat.worker))
        await self._tx.execute_many("beacon_worker_note", [_params(beat) for beat in ordered])

    async def trim(self, owner_id: str, most: int) -> None:
        """Forget those of an account that gave signs longest ago, beyond ``most``."""
        await self._tx.execute("beacon_worker_trim", {"owner_id": owner_id, "most": most})

    async def forget(self, before_ms: int) -> int:
        """Forget those that gave no sign since a moment; return how many."""
        return await self._tx.execute("beacon_worker_forget", {"before_ms": before_ms})

    async def page(
        self, sight: Sight, *, after: tuple[str, str], limit: int
    ) -> Sequence[SeenWorker]:
        """Return those of the accounts in sight, by account and name, from after one on."""
        whose = _whose(sight)
        place = {"after_owner": after[0], "after_worker": after[1], "limit": limit}
        rows = await self._tx.fetch("beacon_worker_page", {**whose, **place})
        workers = sorted({row["worker"] for row in rows})
        jobs: dict[str, list[int]] = defaultdict(list)
        for row in await self._tx.fetch("beacon_worker_jobs", {**whose, "workers": workers}):
            jobs[row["worker"]].append(row["number"])
        return [_seen(row, tuple(jobs[row["worker"]])) for row in rows]

    async def queues(self, sight: Sight, most: int) -> Sequence[Queue]:
        """Count the jobs in sight that wait, by beacon; no more than ``most`` are looked at."""
        rows = await self._tx.fetch("beacon_queues", {**_whose(sight), "most": most})
        return [Queue(row["name"], row["queued"]) for row in rows]

    async def waiting(self, sight: Sight, name: str, limit: int) -> Sequence[int]:
        """Return the numbers of jobs that wait for a beacon, in the order they are taken in."""
        return await self._numbers("beacon_waiting", sight, name, limit)

    async def worked_on(self, sight: Sight, name: str, limit: int) -> Sequence[int]:
        """Return the numbers of jobs of a beacon that somebody works on."""
        return await self._numbers("beacon_worked_on", sight, name, limit)

    async def _numbers(self, statement: str, sight: Sight, name: str, limit: int) -> Sequence[int]:
        params = {**_whose(sight), "name": name, "limit": limit}
        return [row["number"] for row in await self._tx.fetch(statement, params)]


def _whose(sight: Sight) -> dict[str, Any]:
    return {"everybody": int(sight.owners is None), "owners": sorted(sight.owners or ())}


def _params(beat: Beat) -> dict[str, Any]:
    return {
        "owner_id": beat.owner_id,
        "worker": beat.worker,
        "user_number": beat.user_number,
        "names": _listed(beat.names),
        "labels": _listed(beat.labels),
        "version": beat.version,
        "draining": None if beat.draining is None else int(beat.draining),
        "beat_ms": beat.beat_ms,
    }


def _listed(words: tuple[str, ...] | None) -> str | None:
    return None if words is None else msgspec.json.encode(words).decode()


def _seen(row: Row, jobs: tuple[int, ...]) -> SeenWorker:
    return SeenWorker(
        owner_id=row["owner_id"],
        user_number=row["user_number"],
        worker=row["worker"],
        names=msgspec.json.decode(row["names"], type=tuple[str, ...]),
        labels=msgspec.json.decode(row["labels"], type=tuple[str, ...]),
        version=row["version"],
        draining=bool(row["draining"]),
        first_beat_ms=row["first_beat_ms"],
        last_beat_ms=row["last_beat_ms"],
        jobs=jobs,
    )
