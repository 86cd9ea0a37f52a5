"""Schedules in the store; see ``drover.ports.jobs.Schedules``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from drover.ports.jobs import Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.store.driver import Row, Transaction


class ScheduleStore:
    """What is due again and again."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(self, schedule: Schedule) -> None:
        """Store one, in place of any of the same kind and ref."""
        params: dict[str, object] = {
            **msgspec.structs.asdict(schedule),
            "active": int(schedule.active),
            "detail": schedule.detail.decode(),
        }
        await self._tx.execute("schedule_put", params)

    async def remove(self, kind: str, ref_prefix: str) -> None:
        """Forget those of a kind whose ref begins so."""
        await self._tx.execute("schedule_remove", {"kind": kind, "prefix": ref_prefix})

    async def of(self, kind: str, ref_prefix: str) -> Sequence[Schedule]:
        """Return those of a kind whose ref begins so."""
        return await self._all("schedules_of", {"kind": kind, "prefix": ref_prefix})

    async def due(self, now_ms: int, limit: int) -> Sequence[Schedule]:
        """Return active schedules whose moment has come."""
        return await self._all("schedules_due", {"now_ms": now_ms, "limit": limit})

    async def advance(self, schedule: Schedule, next_due_ms: int | None) -> bool:
        """Move on from the due moment that was seen; False when another server did so first."""
        params = {
            "kind": schedule.kind,
            "ref": schedule.ref,
            "seen_ms": schedule.next_due_ms,
            "next_due_ms": next_due_ms,
        }
        return await self._tx.execute("schedule_advance", params) > 0

    async def next_ms(self) -> int | None:
        """Return the next due moment of all."""
        row = await self._tx.fetch_one("schedules_next_ms")
        return row["next_ms"] if row is not None else None

    async def _all(self, statement: str, params: Mapping[str, object]) -> list[Schedule]:
        return [_schedule(row) for row in await self._tx.fetch(statement, params)]


def _schedule(row: Row) -> Schedule:
    return Schedule(
        kind=row["kind"],
        ref=row["ref"],
        application_id=row["application_id"],
        cron=row["cron"],
        seconds=row["seconds"],
        tz=row["tz"],
        active=bool(row["active"]),
        starts_ms=row["starts_ms"],
        ends_ms=row["ends_ms"],
        next_due_ms=row["next_due_ms"],
        last_due_ms=row["last_due_ms"],
        detail=row["detail"].encode(),
    )
