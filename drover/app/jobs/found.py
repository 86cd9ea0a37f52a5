"""Find a job and its executions, for those alone who may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.kinds.resource_job import KIND
from drover.model.errors import Missing
from drover.model.run import RESOURCE_JOB

if TYPE_CHECKING:
    from drover.kinds.resource_job import ResourceJob
    from drover.model.run import Execution
    from drover.ports.store import Session

Place = tuple[str, str]
"""The ids of an application and of a resource job in it."""


async def job_at(session: Session, place: Place) -> ResourceJob:
    """Return a job; raises Missing."""
    application_id, job_id = place
    return await session.resources.get(KIND, application_id, job_id)


async def check_job(session: Session, place: Place) -> None:
    """Raise Missing unless the application has the job."""
    application_id, job_id = place
    await session.resources.get_bytes(KIND, application_id, job_id)


async def execution_of(session: Session, place: Place, execution_id: str) -> Execution:
    """Return an execution of a job; raises Missing, alike for absent and other jobs' ones."""
    await check_job(session, place)
    return checked(await session.jobs.executions.get(execution_id), place)


async def held_execution(session: Session, place: Place, execution_id: str) -> Execution:
    """Return an execution that nobody else moves in this unit of work; raises Missing."""
    found = await execution_of(session, place, execution_id)
    return await session.jobs.executions.hold(found.number)


def checked(execution: Execution, place: Place) -> Execution:
    """Return the execution if it is one of that job; raises Missing."""
    belongs = (execution.application_id, execution.job_id) == place
    if not belongs or execution.kind != RESOURCE_JOB:
        raise Missing("Execution was not found")
    return execution
