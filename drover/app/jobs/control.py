"""Cancel, pause and go on with executions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.jobs.found import held_execution
from drover.model.errors import Conflict
from drover.model.execution import State, check
from drover.model.run import Actor, Change

if TYPE_CHECKING:
    from drover.app.jobs.found import Place
    from drover.engine.signals import Signals
    from drover.model.access import Caller
    from drover.model.run import Execution
    from drover.ports.store import Session, Store


class ExecutionControl:
    """Moves executions; one that stays paused for ``pause_ms`` is ended by the engine."""

    def __init__(self, store: Store, signals: Signals, pause_ms: int) -> None:
        self._store = store
        self._signals = signals
        self._pause_ms = pause_ms

    async def cancel(self, caller: Caller, place: Place, execution_id: str) -> None:
        """Mark one to be cancelled: nothing more is begun. Raises Missing, Conflict."""

        async def work(session: Session) -> Execution:
            execution = await held_execution(session, place, execution_id)
            if execution.state.is_final:
                raise Conflict("The execution has ended already")
            if execution.state is State.CANCELING:
                return execution
            return await cancel(session, caller, execution)

        self._signals.changed(await self._store.write(work))

    async def pause(self, place: Place, execution_id: str) -> None:
        """Begin no more iterations until it is resumed; raises Missing, Conflict."""

        async def work(session: Session) -> Execution:
            execution = await held_execution(session, place, execution_id)
            until_ms = await session.now_ms() + self._pause_ms
            return await _moved(session, execution, Change(goal=State.PAUSED), until_ms)

        await self._store.write(work)

    async def resume(self, place: Place, execution_id: str) -> None:
        """Go on with one that is paused; raises Missing, Conflict."""

        async def work(session: Session) -> Execution:
            execution = await held_execution(session, place, execution_id)
            if execution.state is not State.PAUSED:
                raise Conflict("The execution is not paused")
            # One that was paused before its resources were chosen waits for that again.
            goal = State.QUEUED if execution.started_ms is None else State.RUNNING
            return await _moved(session, execution, Change(goal=goal))

        self._signals.changed(await self._store.write(work))


async def cancel(session: Session, caller: Caller, execution: Execution) -> Execution:
    """Mark an open execution to be cancelled by a caller, inside a unit of work."""
    actor = Actor(type=caller.type, id=caller.id)
    return await _moved(session, execution, Change(goal=State.CANCELING, cancel_source=actor))


async def _moved(
    session: Session, execution: Execution, change: Change, until_ms: int | None = None
) -> Execution:
    check(execution.state, change.goal)
    moved = await session.jobs.executions.move(execution.number, change, paused_until_ms=until_ms)
    if moved is None:
        raise Conflict("The execution has moved on meanwhile")
    return moved
