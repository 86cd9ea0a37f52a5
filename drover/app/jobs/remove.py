"""Delete a resource job, with the workflows it starts if so wished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.kinds.flow import KIND as FLOW
from drover.kinds.resource_job import KIND as JOB

if TYPE_CHECKING:
    from drover.app.catalog import Catalog
    from drover.app.jobs.found import Place
    from drover.engine.signals import Signals
    from drover.model.access import Caller
    from drover.ports.store import Session, Store

TRIGGERS: Final = ("resourceJobIteration", "resourceJobIterationTimeout", "resourceJobComplete")
"""The types of triggers whose key is a job's id."""


class JobRemoval:
    """Deletes jobs and what belongs to them in one unit of work."""

    def __init__(self, store: Store, catalog: Catalog, signals: Signals) -> None:
        self._store = store
        self._catalog = catalog
        self._signals = signals

    async def delete(self, caller: Caller, place: Place, *, include_workflows: bool) -> None:
        """Delete a job; what runs of it is marked canceled. Raises Missing.

        With ``include_workflows`` every workflow that has a trigger on it goes too.
        """
        application_id, job_id = place

        async def work(session: Session) -> None:
            job = await session.resources.lock(JOB, application_id, job_id)
            using = await session.flows.using(application_id, TRIGGERS, job_id)
            for flow_id in sorted(using) if include_workflows else ():
                flow = await session.resources.lock(FLOW, application_id, flow_id)
                await self._catalog.drop(session, caller, FLOW, flow)
            await self._catalog.drop(session, caller, JOB, job)

        await self._store.write(work)
        self._signals.close.set()
