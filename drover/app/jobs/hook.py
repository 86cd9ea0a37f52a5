"""What belongs to changes of resource jobs beside storing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from drover.app.catalog import QuietHook
from drover.app.jobs.control import cancel
from drover.app.jobs.wishes import Wish, check_definition
from drover.model.errors import Invalid
from drover.model.execution import MOVES, State
from drover.model.run import RESOURCE_JOB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.kinds.resource_job import ResourceJob
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.model.run import Execution
    from drover.ports.store import Session


class JobHook(QuietHook):
    """Checks definitions when they are saved, and ends what runs of a job that is deleted."""

    def __init__(self, min_iteration_timeout_ms: int) -> None:
        self._min_iteration_timeout_ms = min_iteration_timeout_ms

    async def before(
        self, session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the job; raises Invalid naming the field that can never be used.

        What a patch leaves alone is not checked again.
        """
        if old is None or old.iteration_timeout != new.iteration_timeout:
            self._check_timeout(new)
        if old is None or _wish(old) != _wish(new):
            await check_definition(session, new.application_id, _wish(new))
        return new

    async def after(
        self, session: Session, caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Cancel what runs of a deleted job, and keep no schedules and no logs of the rest."""
        if new is not None:
            return
        await session.jobs.schedules.remove(RESOURCE_JOB, old.id)
        executions = session.jobs.executions
        await _cancel_all(session, caller, await executions.open_of_job(old.id))
        await executions.forget(old.id)

    def _check_timeout(self, job: ResourceJob) -> None:
        least = self._min_iteration_timeout_ms
        if job.iteration_timeout < least:
            message = f"Expected `int` >= {least} at `iterationTimeout`"
            raise Invalid(message, field="iterationTimeout")


class ApplicationEnds(QuietHook):
    """Ends what runs of an application that is deleted."""

    async def after(
        self, session: Session, caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Cancel what runs of a deleted application; its task deletes the logs of the rest."""
        if new is None:
            found = await session.jobs.executions.open_of_application(old.id)
            await _cancel_all(session, caller, found)


async def _cancel_all(session: Session, caller: Caller, found: Sequence[Execution]) -> None:
    for each in found:
        # Whoever runs it may have moved it on since it was found.
        execution = await session.jobs.executions.hold(each.number)
        if State.CANCELING in MOVES[execution.state]:
            await cancel(session, caller, execution)


def _wish(job: ResourceJob) -> Wish:
    return Wish(
        resource_type=job.resource_type,
        query=job.query_json,
        context=job.default_context,
        table=None if job.data_table_id is UNSET else job.data_table_id,
    )
