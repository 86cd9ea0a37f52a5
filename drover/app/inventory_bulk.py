"""Verbs over more jobs than one unit of work should hold, as operations of their own.

An operation is an execution in the inventory like any other: it has a number, progress, and can be
canceled. It goes through the jobs that were asked for before it, newest first, some at a time: each
unit of work changes these jobs, moves its cursor past them and holds its lease. When its process
dies, another one goes on at the cursor, so that no job is done twice and none is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from drover.app.inventory_verbs import VERBS, Outcomes, actor_of
from drover.model.errors import Conflict, Missing, Unavailable
from drover.model.execution import State
from drover.model.inventory import BULK, BulkAsked
from drover.model.run import Actor, Change, NewExecution
from drover.ports.inventory import NEWEST_FIRST, Place, Reach, Step, Wanted
from drover.query.digi import parse
from drover.query.tree import Compare, In, Node, Operator, all_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.app.inventory_verbs import Outcome
    from drover.engine.signals import Signals
    from drover.model.access import Caller
    from drover.model.run import Execution
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store

_LOG = structlog.get_logger("drover.inventory")

UNIT: Final = 500
"""Jobs that one unit of work changes: others may write between two of them."""

AHEAD: Final = 10_000
"""Jobs that are looked for at a time."""

MOST_TRIES: Final = 5
"""An operation that was taken up so often has something wrong with it: it fails."""

_NOBODY: Final = Actor(type="system", id="0" * 24)


class BulkOperations:
    """Begins operations, goes through them, and takes up those that nobody goes on with."""

    def __init__(
        self, store: Store, ids: Ids, signals: Signals, *, worker: str, lease_ms: int
    ) -> None:
        self._store = store
        self._ids = ids
        self._signals = signals
        self._worker = worker
        self._lease_ms = lease_ms
        self._stopping = False

    def wake(self) -> None:
        """Have the engine end what was told to stop, here and elsewhere."""
        self._signals.close.set()
        self._signals.stops.set()

    def stop(self) -> None:
        """Change no more jobs; what is left is for the next process. Safe to call twice."""
        self._stopping = True

    async def run_new(self, asked: BulkAsked, kind: str, caller: Caller) -> Outcomes:
        """Go through a new operation; return what it did to each job.

        Raises Conflict when it was canceled, Unavailable when another process goes on with it.
        """
        operation = await self._begin(asked, kind, caller)
        outcomes = Outcomes()
        outcomes.operation = operation.number
        ended = await self._run(operation, outcomes)
        if ended is State.CANCELED:
            raise Conflict(
                f"Operation {operation.number} was canceled after {len(outcomes)} of its jobs"
            )
        if ended is None:
            raise Unavailable(f"Operation {operation.number} goes on by itself")
        return outcomes

    async def resume(self) -> None:
        """Take up operations that nobody goes on with, and go through them."""
        while not self._stopping and (operation := await self._take_left()) is not None:
            _LOG.warning("bulk.resumed", operation=operation.number, tries=operation.tries)
            await self._run(operation, Outcomes())

    async def _begin(self, asked: BulkAsked, kind: str, caller: Caller) -> Execution:
        node = parse(asked.query, asked.asked_ms)
        total = await self._store.read(lambda session: session.inventory.count(_reach(asked), node))
        new = NewExecution(
            id=self._ids.new(),
            kind=kind,
            name=BULK[kind],
            application_id=None if caller.user_id else caller.application_id,
            owner_id=caller.user_id,
            state=State.RUNNING,
            detail=msgspec.json.encode(asked),
            source=actor_of(caller),
            total=total,
        )

        async def work(session: Session) -> Execution:
            now_ms = await session.now_ms()
            stored = await session.jobs.executions.add(new, now_ms)
            return await session.bulk.take(stored.number, self._worker, now_ms + self._lease_ms)

        return await self._store.write(work)

    async def _take_left(self) -> Execution | None:
        async def work(session: Session) -> Execution | None:
            now_ms = await session.now_ms()
            until_ms = now_ms + self._lease_ms
            taken = await session.bulk.take_left(self._worker, now_ms, until_ms)
            if taken is not None and taken.tries > MOST_TRIES:
                await session.jobs.executions.move(taken.number, Change(goal=State.FAILING))
                reason = "It stopped again and again before its end"
                failed = Change(goal=State.FAILED, error=reason)
                await session.jobs.executions.move(taken.number, failed)
            return taken

        return await self._store.write(work)

    async def _run(self, operation: Execution, outcomes: Outcomes) -> State | None:
        """Go through an operation; return how it ended, None where somebody else goes on."""
        asked = msgspec.json.decode(operation.detail, type=BulkAsked)
        older = Compare("id", Operator.LESS, operation.number)
        node = all_of([parse(asked.query, asked.asked_ms), older])
        after = Place(None, int(operation.cursor)) if operation.cursor else None
        more = True
        while more:
            wanted = Wanted(_reach(asked), node, NEWEST_FIRST, AHEAD, after)
            numbers = await self._numbers(wanted)
            more = len(numbers) == AHEAD
            for start in range(0, len(numbers), UNIT):
                part = numbers[start : start + UNIT]
                done = await self._step(operation, asked, node, part)
                if done is None:
                    return await self._end(operation)
                outcomes.add(done)
                after = Place(None, part[-1])
        return await self._end(operation)

    async def _numbers(self, wanted: Wanted) -> Sequence[int]:
        return await self._store.read(lambda session: session.inventory.numbers(wanted))

    async def _step(
        self, operation: Execution, asked: BulkAsked, node: Node, numbers: Sequence[int]
    ) -> list[Outcome] | None:
        """Do the verb to some jobs and move the cursor past them; None where it must not go on."""
        chosen = all_of([node, In("id", tuple(numbers))])
        wanted = Wanted(_reach(asked), chosen, NEWEST_FIRST, len(numbers))

        async def work(session: Session) -> list[Outcome] | None:
            if not await _may_go_on(session, operation):
                return None
            held = await session.inventory.standings(wanted)
            done = await VERBS[operation.kind](session, held, operation.source or _NOBODY)
            refused = sum(each.refused is not None for each in done)
            step = Step(numbers[-1], len(done) - refused, refused)
            until_ms = await session.now_ms() + self._lease_ms
            await session.bulk.note(operation.number, step, until_ms)
            return done

        if self._stopping:
            return None
        done = await self._store.write(work)
        self.wake()
        return done

    async def _end(self, operation: Execution) -> State | None:
        """End an operation that has come to its end or was canceled; else let it go."""

        async def work(session: Session) -> State | None:
            now = await _held(session, operation)
            if now is None:
                return None
            if now.state is State.RUNNING and self._stopping:
                await session.bulk.leave(operation.number, operation.fence)
                return None
            goal = State.SUCCEEDED if now.state is State.RUNNING else State.CANCELED
            ended = await session.jobs.executions.move(operation.number, Change(goal=goal))
            return ended.state if ended is not None else now.state

        return await self._store.write(work)


async def _held(session: Session, operation: Execution) -> Execution | None:
    """Return how an operation stands; None where it is gone or somebody else goes on with it."""
    try:
        now = await session.jobs.executions.hold(operation.number)
    except Missing:
        return None
    return now if now.fence == operation.fence else None


async def _may_go_on(session: Session, operation: Execution) -> bool:
    now = await _held(session, operation)
    return now is not None and now.state is State.RUNNING


def _reach(asked: BulkAsked) -> Reach:
    return Reach(asked.applications, asked.account_id)
