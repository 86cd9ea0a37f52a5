"""Schedules and the runs due by them in the store; see ``drover.ports.schedules``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from drover.model.cron import ClockChange
from drover.model.errors import Missing
from drover.ports.schedules import DueRun, Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.schedule import Turn
    from drover.store.driver import Row, Transaction


class ScheduleStore:
    """What is due again and again."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.stored = False
        """Whether any were stored here."""

    async def put(self, schedule: Schedule) -> None:
        """Store one, in place of any of the same kind and ref."""
        params: dict[str, object] = {
            **msgspec.structs.asdict(schedule),
            "owner": schedule.owner,
            "active": int(schedule.active),
            "makes_up": int(schedule.makes_up),
            "clock_change": schedule.change.value,
            "detail": schedule.detail.decode(),
            "outcome": None if schedule.outcome is None else schedule.outcome.decode(),
        }
        await self._tx.execute("schedule_put", params)
        self.stored = True

    async def remove(self, kind: str, owner: str) -> None:
        """Forget those of a kind and an owner: a whole ref, or what one has before its slash."""
        await self._tx.execute("schedule_remove", {"kind": kind, "owner": owner})

    async def remove_one(self, kind: str, ref: str) -> bool:
        """Forget one; False when there is none."""
        return await self._tx.execute("schedule_remove_one", {"kind": kind, "ref": ref}) > 0

    async def get(self, kind: str, ref: str) -> Schedule:
        """Return one; raises Missing."""
        return await self._one("schedule_get", kind, ref)

    async def hold(self, kind: str, ref: str) -> Schedule:
        """Return one that nobody else changes before this transaction ends; raises Missing."""
        return await self._one("schedule_hold", kind, ref)

    async def hold_several(self, kind: str, refs: Sequence[str]) -> None:
        """Keep others from holding some of a kind before this transaction ends."""
        await self._tx.fetch("schedules_hold", {"kind": kind, "refs": sorted(set(refs))})

    async def named(self, kind: str, refs: Sequence[str]) -> dict[str, Schedule]:
        """Return those of a kind and some refs, by ref; those that are not there are left out."""
        wanted = list(dict.fromkeys(refs))
        found = await self._all("schedules_named", {"kind": kind, "refs": wanted})
        return {schedule.ref: schedule for schedule in found}

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

    async def note(self, kind: str, outcomes: Mapping[str, bytes]) -> None:
        """Keep what came of the last run of some, by ref."""
        rows = [
            {"kind": kind, "ref": ref, "outcome": outcomes[ref].decode()}
            for ref in sorted(outcomes)
        ]
        if rows:
            await self._tx.execute_many("schedule_note", rows)

    async def values_in_use(
        self, application_id: str, tag: str, values: Sequence[str]
    ) -> Sequence[str]:
        """Return which of some values a tag has on devices of an application."""
        params = {"application_id": application_id, "key": tag, "values": list(values)}
        return [row["value"] for row in await self._tx.fetch("device_tag_values_among", params)]

    async def next_ms(self) -> int | None:
        """Return the next due moment of all."""
        row = await self._tx.fetch_one("schedules_next_ms")
        return row["next_ms"] if row is not None else None

    async def _one(self, statement: str, kind: str, ref: str) -> Schedule:
        row = await self._tx.fetch_one(statement, {"kind": kind, "ref": ref})
        if row is None:
            raise Missing("Schedule was not found")
        return _schedule(row)

    async def _all(self, statement: str, params: Mapping[str, object]) -> list[Schedule]:
        return [_schedule(row) for row in await self._tx.fetch(statement, params)]


class DueRunStore:
    """Runs that are due and have not been asked for yet."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, runs: Sequence[DueRun], now_ms: int) -> None:
        """Store runs, to be taken from now on; one that is there already is left alone."""
        rows = [{**_named(each), "now_ms": now_ms} for each in runs]
        if rows:
            await self._tx.execute_many("schedule_run_add", rows)

    async def lease(self, limit: int, now_ms: int, until_ms: int) -> Sequence[DueRun]:
        """Take runs, those that wait longest first; they come back when they are not done."""
        params = {"limit": limit, "now_ms": now_ms, "until_ms": until_ms}
        return [_run(row) for row in await self._tx.fetch("schedule_runs_lease", params)]

    async def put_off(self, runs: Sequence[DueRun], later_ms: int) -> None:
        """Let runs that were taken be tried later, not counting this time."""
        rows = [{**_named(run), "until_ms": run.try_ms, "later_ms": later_ms} for run in runs]
        if rows:
            await self._tx.execute_many("schedule_run_put_off", rows)

    async def done(self, runs: Sequence[DueRun]) -> set[DueRun]:
        """Forget runs that were taken; return those that nobody has taken again or done since."""
        taken = [(run.ref, run.zone, run.due_ms, run.try_ms) for run in runs]
        params = {"rows": msgspec.json.encode(taken).decode()}
        found = await self._tx.fetch("schedule_runs_done", params)
        gone = {(row["ref"], row["zone"], row["due_ms"]) for row in found}
        return {run for run in runs if (run.ref, run.zone, run.due_ms) in gone}

    async def next_ms(self) -> int | None:
        """Return when the next run is to be tried."""
        row = await self._tx.fetch_one("schedule_runs_next_ms")
        return row["next_ms"] if row is not None else None


def _named(run: DueRun) -> dict[str, object]:
    return {"ref": run.ref, "zone": run.zone, "due_ms": run.due_ms}


def _run(row: Row) -> DueRun:
    return DueRun(
        ref=row["ref"],
        zone=row["zone"],
        due_ms=row["due_ms"],
        try_ms=row["try_ms"],
        tries=row["tries"],
    )


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
        outcome=None if row["outcome"] is None else row["outcome"].encode(),
    )
