"""Ends executions: writes the report, then closes with one guarded update. Safe to run twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from drover import tracing
from drover.engine.payloads import RELAY, complete_data
from drover.engine.report import report
from drover.model.errors import DroverError, Missing
from drover.model.execution import State
from drover.model.run import Change
from drover.ports.jobs import Firing

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.model.run import Execution
    from drover.ports.blobs import Blobs
    from drover.ports.store import Session, Store

_LOG = structlog.get_logger("drover.engine")
_ENDS: Final = {
    State.RUNNING: State.SUCCEEDED,
    State.FAILING: State.FAILED,
    State.CANCELING: State.CANCELED,
}
_AT_A_TIME: Final = 20
_WAITING: Final = 1000

COMPLETE: Final = "resourceJobComplete"


class Reporter:
    """Any number of reporters may work on one store; ``report_url`` signs a report's address."""

    def __init__(self, store: Store, blobs: Blobs, report_url: Callable[[Execution], str]) -> None:
        self._store = store
        self._blobs = blobs
        self._report_url = report_url

    async def tick(self) -> None:
        """End all executions that have nothing left to run."""
        ended = _AT_A_TIME
        while ended == _AT_A_TIME:
            closable = await self._store.read(
                lambda session: session.jobs.plans.closable(_AT_A_TIME)
            )
            ended = sum([await self._try(execution) for execution in closable])

    async def _try(self, execution: Execution) -> bool:
        try:
            with tracing.span("report", execution.id):
                return await self._end(execution)
        except DroverError as error:  # the place of reports may be full or away: others go on
            _LOG.warning("report_waits", execution=execution.id, error=error.message)
            return False

    async def _end(self, execution: Execution) -> bool:
        if execution.state is not State.RUNNING:
            await self._settle_waiting(execution.number)
        key = f"reports/{execution.id}.csv"
        await self._blobs.put_stream(key, report(self._store, execution))
        change = Change(goal=_ENDS[execution.state], report_key=key)
        closed = await self._store.write(lambda session: self._close(session, execution, change))
        if closed is None:
            return False
        _LOG.info(
            "execution_ended",
            execution=closed.id,
            state=closed.state.value,
            succeeded=closed.succeeded,
            failed=closed.failed,
            timed_out=closed.timed_out,
            remaining=closed.remaining,
        )
        return True

    async def _settle_waiting(self, number: int) -> None:
        async def work(session: Session) -> int:
            now_ms = await session.now_ms()
            return await session.jobs.deadlines.settle_waiting(number, now_ms, _WAITING)

        while await self._store.write(work) == _WAITING:
            pass

    async def _close(
        self, session: Session, execution: Execution, change: Change
    ) -> Execution | None:
        now_ms = await session.now_ms()
        closed = await session.jobs.plans.close(execution.number, change, now_ms)
        if closed is not None and closed.application_id and closed.job_id:
            await self._fire(session, closed, closed.application_id, closed.job_id)
        return closed

    async def _fire(
        self, session: Session, closed: Execution, application_id: str, job_id: str
    ) -> None:
        if not await session.flows.subscribed(application_id, COMPLETE, job_id):
            return
        job = await _job(session, application_id, job_id)
        await session.jobs.add_firing(
            Firing(
                application_id=application_id,
                trigger_type=COMPLETE,
                key=job_id,
                data=complete_data(closed, job, self._report_url(closed)),
                root=b'{"relayId":"%b","relayType":"%b"}' % (job_id.encode(), RELAY.encode()),
            )
        )


async def _job(session: Session, application_id: str, job_id: str) -> bytes | None:
    from drover.kinds.resource_job import KIND

    try:
        return await session.resources.get_bytes(KIND, application_id, job_id)
    except Missing:
        return None
