"""The areas of the store that the engine works on; see ``drover.ports.jobs``."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from drover.store.jobs.deadlines import DeadlineStore
from drover.store.jobs.executions import ExecutionStore, PlanStore
from drover.store.jobs.firings import FiringStore
from drover.store.jobs.items import ItemStore
from drover.store.jobs.iterations import IterationStore
from drover.store.jobs.schedules import DueRunStore, ScheduleStore

if TYPE_CHECKING:
    from drover.ports.jobs import Firing
    from drover.store.driver import Transaction

__all__ = ["JobStore", "WorkMade"]


class WorkMade(NamedTuple):
    """Whether a unit of work stored firings, and schedules."""

    fired: bool
    scheduled: bool


class JobStore:
    """Executions, items, firings and schedules within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    @cached_property
    def executions(self) -> ExecutionStore:
        """Executions of every kind."""
        return ExecutionStore(self._tx)

    @cached_property
    def plans(self) -> PlanStore:
        """What plans, serves and ends executions as wholes."""
        return PlanStore(self._tx)

    @cached_property
    def iterations(self) -> IterationStore:
        """The items of executions and the leases they run under."""
        return IterationStore(self._tx)

    @cached_property
    def deadlines(self) -> DeadlineStore:
        """The clocks of items."""
        return DeadlineStore(self._tx)

    @cached_property
    def items(self) -> ItemStore:
        """Items as they are shown."""
        return ItemStore(self._tx)

    @cached_property
    def firings(self) -> FiringStore:
        """The durable queue of what flows are to be run for."""
        return FiringStore(self._tx)

    @cached_property
    def schedules(self) -> ScheduleStore:
        """What is due again and again."""
        return ScheduleStore(self._tx)

    @cached_property
    def due_runs(self) -> DueRunStore:
        """Runs of resource jobs that are due by a schedule."""
        return DueRunStore(self._tx)

    @property
    def work_made(self) -> WorkMade:
        """What was stored here that others have to act on."""
        firings: FiringStore | None = self.__dict__.get("firings")
        schedules: ScheduleStore | None = self.__dict__.get("schedules")
        return WorkMade(
            fired=firings is not None and firings.stored,
            scheduled=schedules is not None and schedules.stored,
        )

    async def add_firing(self, firing: Firing) -> None:
        """Store one firing, due now unless it says otherwise."""
        await self.firings.add([firing], await self._tx.now_ms())
