"""Read executions of a job and their iterations, and acknowledge these from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from drover.app.jobs.found import check_job, execution_of
from drover.app.jobs.shown import entry, iteration
from drover.app.jobs.waiting import why_it_waits
from drover.model.errors import Conflict, Missing
from drover.model.iteration import (
    Acknowledgement,
    ItemState,
    check_accumulator,
    split_iteration_id,
)
from drover.model.summary import RESULT
from drover.ports.jobs import Refusal
from drover.ports.resources import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drover.app.jobs.found import Place
    from drover.engine.acks import Acks
    from drover.model.run import Execution
    from drover.ports.jobs import Reason
    from drover.ports.store import Session, Store

MOST_READ: Final = 100_000
"""Iterations whose messages are read to count them."""
MOST_REASONS: Final = 20
"""Different messages that are told."""

STATES: Final = {word: state for state, word in RESULT.items()}
"""The state of an iteration by its word on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which iterations to show: those in the states (none means all) after a resource's id."""

    states: Sequence[ItemState] = ()
    after_id: str = ""
    limit: int = 100


class ExecutionLogs:
    """Executions and their iterations as they are shown; ``report_url`` signs addresses."""

    def __init__(self, store: Store, acks: Acks, report_url: Callable[[Execution], str]) -> None:
        self._store = store
        self._acks = acks
        self._report_url = report_url

    async def newest(self, place: Place, limit: int, since_ms: int) -> list[dict[str, Any]]:
        """Return the newest executions asked for since a moment; raises Missing."""

        async def work(session: Session) -> Sequence[Execution]:
            await check_job(session, place)
            return await session.jobs.executions.of_job(place[1], limit=limit, since_ms=since_ms)

        return [self.entry(each) for each in await self._store.read(work)]

    async def page(self, place: Place, limit: int, offset: int) -> Page[dict[str, Any]]:
        """Return one page of a job's executions, newest first; raises Missing."""

        async def work(session: Session) -> Page[Execution]:
            await check_job(session, place)
            executions = session.jobs.executions
            found = await executions.of_job(place[1], limit=limit, offset=offset)
            return Page(found, await executions.count(place[1]))

        found = await self._store.read(work)
        return Page([self.entry(each) for each in found.items], found.total)

    async def one(self, place: Place, execution_id: str) -> dict[str, Any]:
        """Return one execution, and why it waits if it does; raises Missing."""
        execution = await self.find(place, execution_id)
        shown = self.entry(execution)
        if not execution.state.is_final:
            why = await self._store.read(lambda session: _why(session, execution))
            shown |= {"waitsBecause": why} if why else {}
        return shown

    async def find(self, place: Place, execution_id: str) -> Execution:
        """Return one execution as it is stored; raises Missing."""
        return await self._store.glance(lambda session: execution_of(session, place, execution_id))

    async def reasons(self, place: Place, execution_id: str) -> Sequence[Reason]:
        """Count what the iterations that did not succeed say, commonest first; raises Missing.

        Of a great many only the first are looked at, see ``MOST_READ``.
        """

        async def work(session: Session) -> Sequence[Reason]:
            execution = await execution_of(session, place, execution_id)
            return await session.jobs.items.reasons(
                execution.number, most=MOST_READ, limit=MOST_REASONS
            )

        return await self._store.read(work)

    def entry(self, execution: Execution) -> dict[str, Any]:
        """Return an execution as it is shown."""
        return entry(execution, self._report_url)

    async def iterations(
        self, place: Place, execution_id: str, wanted: Wanted
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return some iterations, and the cursor to go on from where there may be more."""

        async def work(session: Session) -> list[dict[str, Any]]:
            execution = await execution_of(session, place, execution_id)
            items = await session.jobs.items.page(
                execution.number,
                states=wanted.states,
                after_id=wanted.after_id,
                limit=wanted.limit,
            )
            return [iteration(execution.id, item) for item in items]

        shown = await self._store.read(work)
        return shown, shown[-1]["resourceId"] if len(shown) == wanted.limit else None

    async def acknowledge(
        self, place: Place, execution_id: str, iteration_id: str, given: Acknowledgement
    ) -> dict[str, Any]:
        """End an iteration and return it as it is then.

        ``given`` is for whatever resource the iteration is of. Raises Missing, Invalid, Conflict
        when it has ended before.
        """
        execution = await self.find(place, execution_id)
        named, resource_id = split_iteration_id(iteration_id)
        if named != execution.id:
            raise Missing("Iteration was not found")
        accumulator = check_accumulator(given.accumulator)
        if not execution.pace.serial:  # nobody comes after whom it could be handed to
            accumulator = None
        acknowledgement = Acknowledgement(resource_id, given.ok, given.message, accumulator)
        settlement = await self._acks.acknowledge(execution.number, [acknowledgement])
        refusal = settlement.refused.get(resource_id)
        if refusal is Refusal.ENDED:
            raise Conflict("Iteration was already acknowledged")
        if refusal is not None:
            raise Missing("Iteration was not found")
        item = await self._store.read(
            lambda session: session.jobs.items.get(execution.number, resource_id)
        )
        return iteration(execution.id, item)


async def _why(session: Session, execution: Execution) -> str | None:
    retry_ms = None
    if execution.waiting:
        retry_ms = await session.jobs.plans.next_retry_ms(execution.number)
    return why_it_waits(execution, await session.now_ms(), retry_ms)
