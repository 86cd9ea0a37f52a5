"""Acts on schedules: exactly once for each due moment, however many servers look."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import structlog

from drover.model.errors import Full, Invalid, Unavailable
from drover.model.schedule import Turn
from drover.ports.jobs import Firing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from drover.engine.timing import Timing
    from drover.ports.schedules import Schedule
    from drover.ports.store import Session, Store

_LOG = structlog.get_logger("drover.engine")
_AT_A_TIME: Final = 500
_LATE_MS: Final = 60_000
"""How late a schedule that makes up for nothing may still be acted on."""

TIMER: Final = "timer"
"""The kind of schedules that fire timer triggers; their detail names ``flowId`` and ``key``."""


class Due(NamedTuple):
    """A schedule as it was before it was moved on, and the moment to act for.

    ``since_ms`` is the first moment that may be acted for: earlier than ``due_ms`` where others
    were missed, which an ordinary schedule lets go.
    """

    schedule: Schedule
    due_ms: int
    since_ms: int


def _nobody() -> None:
    """Wake nobody."""


@dataclass(frozen=True)
class ScheduleAction:
    """What is done for the schedules of a kind that are due.

    ``act`` is given all that are due together, in the unit of work that moves them on: what it
    stores is kept once for each due moment, or not at all. It may run more than once, so it changes
    nothing but the store, and it awaits nothing but the session. Where it raises, the schedules are
    given to it again one by one, and those it raises for are passed over for this time.
    ``wake`` is called on the event loop once that is stored, for whoever has work by it; of
    firings the store tells.
    """

    act: Callable[[Session, Sequence[Due]], Awaitable[None]]
    wake: Callable[[], None] = _nobody


async def fire_timers(session: Session, due: Sequence[Due]) -> None:
    """Store the firings of timer triggers."""
    firings = [_firing(each) for each in due]
    await session.jobs.firings.add(firings, await session.now_ms())


class _Failed(Exception):
    """An action raised for some of the schedules that were moved on so."""

    def __init__(self, turns: Sequence[tuple[Schedule, Turn]]) -> None:
        super().__init__("an action failed")
        self.turns = turns


class Scheduler:
    """Any number of schedulers may work on one store: each takes what no other one holds."""

    def __init__(
        self,
        store: Store,
        timing: Timing,
        actions: Mapping[str, ScheduleAction] | None = None,
    ) -> None:
        self._store = store
        self._make_up_ms = timing.make_up_ms
        self._actions = {TIMER: ScheduleAction(fire_timers), **(actions or {})}

    async def tick(self) -> float | None:
        """Act on what is due; return in how many seconds something is due again."""
        rest_s = await self._store.read(_rest)
        if rest_s is None or rest_s > 0:
            return rest_s
        if await self._acted_on(_AT_A_TIME) == _AT_A_TIME:
            return 0.0
        return await self._store.read(_rest)

    async def _acted_on(self, limit: int) -> int:
        """Act on some that are due; return how many there were."""
        try:
            return await self._take(limit)
        except _Failed as failed:
            if limit > 1:
                return await self._one_by_one(limit)
            _LOG.exception("schedule_failed", kind=failed.turns[0][0].kind)
            turns = failed.turns
        await self._store.write(lambda session: session.jobs.schedules.advance(turns))
        return 1

    async def _one_by_one(self, limit: int) -> int:
        for count in range(limit):
            if not await self._acted_on(1):
                return count
        return limit

    async def _take(self, limit: int) -> int:
        taken = await self._store.write(partial(self._moved_on, limit=limit))
        kinds = {schedule.kind for schedule in taken}
        if taken:
            _LOG.info("schedules_due", count=len(taken), kinds=sorted(kinds))
        for kind in kinds & self._actions.keys():
            self._actions[kind].wake()
        return len(taken)

    async def _moved_on(self, session: Session, *, limit: int) -> Sequence[Schedule]:
        now_ms = await session.now_ms()
        due = await session.jobs.schedules.due(now_ms, limit)
        turns = [(schedule, self._turn(schedule, now_ms)) for schedule in due]
        await session.jobs.schedules.advance(turns)
        try:
            for kind, together in self._by_kind(turns, now_ms).items():
                await self._actions[kind].act(session, together)
        except (Full, Unavailable):
            raise
        except Exception as error:
            raise _Failed(turns) from error
        return due

    def _turn(self, schedule: Schedule, now_ms: int) -> Turn:
        try:
            return schedule.turn(schedule.next_due_ms or 0, now_ms, self._kept_ms(schedule))
        except Invalid as error:
            _LOG.warning(
                "schedule_broken", kind=schedule.kind, ref=schedule.ref, error=error.message
            )
            return Turn(None, None)

    def _by_kind(
        self, turns: Iterable[tuple[Schedule, Turn]], now_ms: int
    ) -> Mapping[str, Sequence[Due]]:
        """Return what is to be acted on, by kind; what no action is known for is left out."""
        found: dict[str, list[Due]] = defaultdict(list)
        for schedule, turn in turns:
            if turn.run_ms is not None and schedule.kind in self._actions:
                since_ms = max(schedule.next_due_ms or 0, now_ms - self._kept_ms(schedule))
                found[schedule.kind].append(Due(schedule, turn.run_ms, since_ms))
        return found

    def _kept_ms(self, schedule: Schedule) -> int:
        return self._make_up_ms if schedule.makes_up else _LATE_MS


def _firing(due: Due) -> Firing:
    detail: dict[str, Any] = msgspec.json.decode(due.schedule.detail)
    return Firing(
        application_id=due.schedule.application_id or "",
        trigger_type=TIMER,
        key=detail["key"],
        flow_id=detail.get("flowId"),
        due_ms=due.due_ms,
    )


async def _rest(session: Session) -> float | None:
    next_ms = await session.jobs.schedules.next_ms()
    return None if next_ms is None else max(0.0, (next_ms - await session.now_ms()) / 1000)
