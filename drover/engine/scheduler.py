"""Acts on schedules: exactly once for each due moment, however many servers look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import structlog

from drover.model.cron import next_after, rule_of
from drover.model.errors import Invalid
from drover.model.schedule import next_interval_ms
from drover.ports.jobs import Firing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.engine.signals import Signals
    from drover.ports.jobs import Schedule
    from drover.ports.store import Session, Store

_LOG = structlog.get_logger("drover.engine")
_AT_A_TIME: Final = 100

TIMER: Final = "timer"
"""The kind of schedules that fire timer triggers; their detail names ``flowId`` and ``key``."""


class ScheduleAction(Protocol):
    """What is done when a schedule of a kind is due, in the unit of work that moves it on."""

    async def __call__(self, session: Session, schedule: Schedule, due_ms: int, /) -> None:
        """Act; may run more than once, so it changes nothing but the store."""
        ...


async def fire_timer(session: Session, schedule: Schedule, due_ms: int) -> None:
    """Store the firing of a timer trigger."""
    detail: dict[str, Any] = msgspec.json.decode(schedule.detail)
    await session.jobs.add_firing(
        Firing(
            application_id=schedule.application_id or "",
            trigger_type=TIMER,
            key=detail["key"],
            flow_id=detail.get("flowId"),
            due_ms=due_ms,
        )
    )


class Scheduler:
    """Any number of schedulers may work on one store: a guarded update decides who acts."""

    def __init__(
        self,
        store: Store,
        signals: Signals,
        actions: Mapping[str, ScheduleAction] | None = None,
    ) -> None:
        self._store = store
        self._signals = signals
        self._actions = {TIMER: fire_timer, **(actions or {})}

    async def tick(self) -> float | None:
        """Act on what is due; return in how many seconds something is due again."""
        due = await self._store.read(_due)
        for schedule in due:
            await self._act(schedule)
        return 0.0 if len(due) == _AT_A_TIME else await self._store.read(_rest)

    async def _act(self, schedule: Schedule) -> None:
        action = self._actions.get(schedule.kind)

        async def work(session: Session) -> bool:
            following = next_due_ms(schedule, await session.now_ms())
            if not await session.jobs.schedules.advance(schedule, following):
                return False
            if action is not None:
                await action(session, schedule, schedule.next_due_ms or 0)
            return True

        if await self._store.write(work):
            _LOG.info("schedule_due", kind=schedule.kind, ref=schedule.ref)
            self._signals.fire.set()
            self._signals.plan.set()


def next_due_ms(schedule: Schedule, now_ms: int) -> int | None:
    """Return when a schedule is due after now; None when it will not be. The missed are lost."""
    after_ms = max(now_ms, (schedule.starts_ms or 0) - 1)
    try:
        following = _following(schedule, after_ms)
    except Invalid as error:
        _LOG.warning("schedule_broken", kind=schedule.kind, ref=schedule.ref, error=error.message)
        return None
    if following is None or (schedule.ends_ms is not None and following > schedule.ends_ms):
        return None
    return following


def _following(schedule: Schedule, after_ms: int) -> int | None:
    if schedule.cron is not None:
        return next_after(rule_of(schedule.cron), schedule.tz, after_ms)
    if schedule.seconds is None:
        return None
    return next_interval_ms(schedule.seconds, schedule.next_due_ms or after_ms, after_ms)


async def _due(session: Session) -> Sequence[Schedule]:
    return await session.jobs.schedules.due(await session.now_ms(), _AT_A_TIME)


async def _rest(session: Session) -> float | None:
    next_ms = await session.jobs.schedules.next_ms()
    return None if next_ms is None else max(0.0, (next_ms - await session.now_ms()) / 1000)
