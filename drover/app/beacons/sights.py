"""Whose beacon jobs a caller sees, and whether they may change any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.model.access import Role
from drover.model.errors import Forbidden, Missing
from drover.ports.beacons import Sight

if TYPE_CHECKING:
    from drover.model.access import Caller
    from drover.model.beacon_job import BeaconJob
    from drover.ports.store import Session

_WORKING: Final = frozenset({Role.ADMINISTRATOR, Role.USER, Role.BEACON})
_FOR_OTHERS: Final = frozenset({Role.ADMINISTRATOR, Role.BEACON})


def check_changes(caller: Caller) -> None:
    """Raise Forbidden for a key that may only look."""
    if caller.role not in _WORKING:
        raise Forbidden("A read-only key cannot change anything")


def check_owner(caller: Caller, *, itself: bool) -> None:
    """Raise Forbidden unless the caller may make jobs of others, or makes one of its own."""
    if not itself and caller.role not in _FOR_OTHERS:
        raise Forbidden("Jobs of another user need an administrator's key or a beacon's")


async def sight_of(session: Session, caller: Caller) -> Sight:
    """Return whose jobs a caller sees.

    An administrator sees all. A beacon's key sees the jobs of everybody who shares an organisation
    with the user who made it (an administrator's all), any other key those of its user.
    """
    sight = own_sight(caller)
    if sight is not None:
        return sight
    own = caller.user_id or ""
    beside = await session.beacons.beside(own)
    return Sight(None if beside is None else frozenset({own, *beside}))


def own_sight(caller: Caller) -> Sight | None:
    """Return whose jobs a caller sees, None where that is to be looked up."""
    if caller.is_administrator:
        return Sight()
    return None if caller.role is Role.BEACON else Sight(frozenset({caller.user_id or ""}))


def check_seen(sight: Sight, job: BeaconJob) -> BeaconJob:
    """Return the job; raises Missing when it is out of sight."""
    if not sight.covers(job.owner_id):
        raise Missing("Job was not found")
    return job
