"""What answers of this dialect hold, before they become JSON or XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.faces.digi._moments import shown_moment
from drover.faces.digi._refusals import body_of
from drover.faces.refusals import status_of
from drover.model.inventory import Inventoried
from drover.query.digi.fields import JOB_TIMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.inventory import Listed
    from drover.app.inventory_verbs import Outcome

_MEMBERS: Final = Inventoried.__struct_fields__


def shown(job: Inventoried) -> dict[str, Any]:
    """Return the members of a job that are set."""
    members = {name: value for name in _MEMBERS if (value := getattr(job, name)) is not None}
    for name in JOB_TIMES:
        if name in members:
            members[name] = shown_moment(members[name])
    return members


def figures(listed: Listed) -> dict[str, Any]:
    """Return what a list says of itself."""
    members: dict[str, Any] = {
        "count": len(listed.jobs),
        "size": listed.size,
        "start": listed.start,
    }
    if listed.cursor is not None:
        members["cursor"] = listed.cursor
    if listed.total is not None:
        members["total"] = listed.total
    return members


def outcome(done: Outcome) -> Mapping[str, Any]:
    """Return what became of one job."""
    if done.refused is None:
        return {"id": done.number, "status": done.status}
    error = body_of(done.refused, status_of(done.refused), {"id": done.number})
    return {"id": done.number, **error}


def outcome_figures(done: Sequence[Outcome]) -> dict[str, Any]:
    """Return what the answer to a verb says of itself: the operation, where it took one."""
    members: dict[str, Any] = {"count": len(done)}
    operation = getattr(done, "operation", None)
    return members if operation is None else {**members, "operation": operation}
