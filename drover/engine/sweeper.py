"""Ends what would otherwise stay: lost leases, passed deadlines, executions that took too long."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog

from drover.engine.chunk import ITERATION
from drover.model.execution import State
from drover.model.run import Change
from drover.ports.jobs import Firing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.engine.signals import Signals
    from drover.model.run import Execution
    from drover.ports.jobs import Lease, TimedOut
    from drover.ports.store import Session, Store

_LOG = structlog.get_logger("drover.engine")
_LEASES = 100
_ITEMS = 1000

TIMEOUT = f"{ITERATION}Timeout"


class Sweeper:
    """Any number of sweepers may work on one store: each step is one guarded unit of work."""

    def __init__(self, store: Store, signals: Signals) -> None:
        self._store = store
        self._signals = signals

    async def tick(self) -> None:
        """Look at everything that has a clock."""
        await self._expire()
        await self._end_overdue()
        await self._time_out()
        self._signals.dispatch.set()
        self._signals.close.set()

    async def _expire(self) -> None:
        while leases := await self._store.read(_expired):
            for lease in leases:
                await self._take_back(lease)
            if len(leases) < _LEASES:
                return

    async def _take_back(self, lease: Lease) -> None:
        async def work(session: Session) -> int | None:
            return await session.jobs.iterations.expire(lease, await session.now_ms())

        items = await self._store.write(work)
        if items is not None:
            _LOG.warning("lease_expired", number=lease.number, worker=lease.worker, items=items)

    async def _time_out(self) -> None:
        due = await self._store.read(_due)
        if due.exposed:
            await self._store.write(_expose)
            due = await self._store.read(_due)
        for number in due.numbers:
            await self._end_all(number)

    async def _end_all(self, number: int) -> None:
        ended = _ITEMS
        while ended == _ITEMS:
            ended = len(await self._store.write(lambda session: _end_items(session, number)))

    async def _end_overdue(self) -> None:
        for execution, change in await self._store.read(_overdue):
            moved = await self._store.write(partial(_move, number=execution.number, change=change))
            if moved is not None:
                _LOG.info("execution_overdue", execution=execution.id, goal=change.goal.value)


class _Due(NamedTuple):
    """What has passed its moment."""

    exposed: bool
    numbers: Sequence[int]


async def _move(session: Session, *, number: int, change: Change) -> Execution | None:
    """End an execution; past the deadline of the whole, what it runs is not waited for either."""
    moved = await session.jobs.executions.move(number, change)
    if moved is not None and moved.state is State.FAILING:
        await session.jobs.deadlines.cut_short(number, await session.now_ms())
    return moved


async def _expired(session: Session) -> Sequence[Lease]:
    return await session.jobs.iterations.expired(await session.now_ms(), _LEASES)


async def _due(session: Session) -> _Due:
    now_ms = await session.now_ms()
    deadlines = session.jobs.deadlines
    return _Due(await deadlines.to_expose(now_ms), await deadlines.due(now_ms))


async def _expose(session: Session) -> int:
    return await session.jobs.deadlines.expose(await session.now_ms())


async def _end_items(session: Session, number: int) -> Sequence[TimedOut]:
    """End attempts and store what the flows for timeouts are to be told, all or nothing."""
    now_ms = await session.now_ms()
    ended = await session.jobs.deadlines.time_out(number, now_ms, _ITEMS)
    if ended:
        execution = await session.jobs.executions.get_number(number)
        await session.jobs.firings.add(await _firings(session, execution, ended), now_ms)
    return ended


async def _firings(
    session: Session, execution: Execution, ended: Sequence[TimedOut]
) -> list[Firing]:
    application_id, job_id = execution.application_id, execution.job_id
    if application_id is None or job_id is None:
        return []
    if not await session.flows.subscribed(application_id, TIMEOUT, job_id):
        return []
    return [
        Firing(
            application_id=application_id,
            trigger_type=TIMEOUT,
            key=job_id,
            data=msgspec.json.encode(each),
            execution=execution.number,
            resource_id=each.resource_id,
        )
        for each in ended
    ]


async def _overdue(session: Session) -> list[tuple[Execution, Change]]:
    now_ms = await session.now_ms()
    return [
        (execution, _ending(execution, now_ms))
        for execution in await session.jobs.plans.overdue(now_ms)
    ]


def _ending(execution: Execution, now_ms: int) -> Change:
    if execution.deadline_ms is not None and execution.deadline_ms <= now_ms:
        return Change(goal=State.FAILING, error="The execution ran longer than it may")
    return Change(goal=State.CANCELING, error="The execution was paused for too long")
