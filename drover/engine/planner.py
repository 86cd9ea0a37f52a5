"""Takes queued executions and stores which resources they run over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from drover import tracing
from drover.engine.targets import query_of, target_of
from drover.model.errors import Invalid
from drover.model.execution import State
from drover.model.iteration import ItemState
from drover.model.run import RESOURCE_JOB, Change

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drover.engine.signals import Signals
    from drover.engine.timing import Timing
    from drover.model.run import Execution, Target
    from drover.ports.store import Session, Store
    from drover.query.tree import Node

_LOG = structlog.get_logger("drover.engine")
_STATES = {
    "failed": ItemState.FAILED,
    "timedOut": ItemState.TIMED_OUT,
    "notStarted": ItemState.PENDING,
}


class Planner:
    """Any number of planners may work on one store: a claim decides, and planning twice is safe."""

    def __init__(self, store: Store, timing: Timing, signals: Signals, worker: str) -> None:
        self._store = store
        self._timing = timing
        self._signals = signals
        self._worker = worker

    async def tick(self) -> None:
        """Plan all executions that are queued and due."""
        while (execution := await self._store.write(self._claim)) is not None:
            with tracing.span("plan", execution.id):
                await self._plan(execution)

    async def _claim(self, session: Session) -> Execution | None:
        now_ms = await session.now_ms()
        until_ms = now_ms + self._timing.lease_ms
        return await session.jobs.plans.claim(RESOURCE_JOB, self._worker, now_ms, until_ms)

    async def _plan(self, execution: Execution) -> None:
        if execution.tries > self._timing.tries:
            await self._fail(execution, "The resources could not be read")
            return
        try:
            await self._take(execution, target_of(execution))
        except Invalid as error:
            await self._fail(execution, error.message)
            return
        begun = await self._store.write(self._begin(execution.number))
        if begun is not None:
            _LOG.info("execution_begun", execution=begun.id, resources=begun.total)
            self._signals.changed(begun)

    async def _take(self, execution: Execution, target: Target) -> None:
        if execution.retry_of is not None:
            await self._copy(execution.number, execution.retry_of, target)
            return
        application_id = execution.application_id or ""
        query = await self._store.read(lambda session: query_of(session, application_id, target))
        last: str | None = ""
        while last is not None:
            last = await self._chunk(execution, target, query, last)

    async def _chunk(
        self, execution: Execution, target: Target, query: Node, after_id: str
    ) -> str | None:
        limit = self._timing.snapshot
        return await self._store.write(
            lambda session: session.jobs.iterations.snapshot(
                execution, target, query, after_id, limit
            )
        )

    async def _copy(self, number: int, source: int, target: Target) -> None:
        states = [_STATES[status] for status in target.statuses]
        await self._store.write(
            lambda session: session.jobs.iterations.copy(number, source, states)
        )

    def _begin(self, number: int) -> Callable[[Session], Awaitable[Execution | None]]:
        async def work(session: Session) -> Execution | None:
            return await session.jobs.plans.begin(number, await session.now_ms())

        return work

    async def _fail(self, execution: Execution, reason: str) -> None:
        _LOG.info("execution_errored", execution=execution.id, reason=reason)
        change = Change(goal=State.FAILING, error=reason)
        failing = await self._store.write(
            lambda session: session.jobs.executions.move(execution.number, change)
        )
        if failing is not None:
            self._signals.changed(failing)
