"""Schedules in the store; see ``drover.ports.jobs.Schedules``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from drover.model.cron import ClockChange
from drover.ports.jobs import Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.schedule import Turn
    from drover.store.driver import Row, Transaction


class ScheduleStore:
    """What is due again and again."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(self, schedule: Schedule) -> None:
        """Store one, in place of any of the same kind and ref."""
        params: dict[str, object] = {
            **msgspec.structs.asdict(schedule),
            "owner": schedule.ref.partition("/")[0],
            "active": int(schedule.active),
            "makes_up": int(schedule.makes_up),
            "clock_change": schedule.change.value,
            "detail": schedule.detail.decode(),
        }
        await self._tx.execute("schedule_put", params)

    async def remove(self, kind: str, owner: str) -> None:
        """Forget those of a kind and an owner: a whole ref, or what one has before its slash."""
        await self._tx.execute("schedule_remove", {"kind": kind, "owner": owner})

    async def of(self, kind: str, owner: str) -> Sequence[Schedule]:
        """Return those of a kind and an owner, by ref."""
        return await self._all("schedules_of", {"kind": kind, "owner": owner})

    async def due(self, now_ms: int, limit: int) -> Sequence[Schedule]:
        """Return active schedules whose moment has come, held by this transaction."""
        return await self._all("schedules_due", {"now_ms": now_ms, "limit": limit})

    async def advance(self, turns: Sequence[tuple[Schedule, Turn]]) -> None:
        """Move schedules on; those with nothing more to come are not active any longer."""
        rows = [
            {
                "kind": schedule.kind,
                "ref": schedule.ref,
                "seen_ms": schedule.next_due_ms,
                "run_ms": turn.run_ms,
                "next_ms": turn.next_ms,
            }
            for schedule, turn in turns
        ]
        if rows:
            await self._tx.execute_many("schedule_advance", rows)

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
        change=ClockChange(row["clock_change"]),
        active=bool(row["active"]),
        starts_ms=row["starts_ms"],
        ends_ms=row["ends_ms"],
        next_due_ms=row["next_due_ms"],
        last_due_ms=row["last_due_ms"],
        makes_up=bool(row["makes_up"]),
        detail=row["detail"].encode(),
    )
