"""What those who raise and update events are called, at that time.

Source: Losant-compatible schema of events (``sourceName``) and nodes, section 8 (event).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from drover.kinds.device import KIND as DEVICE
from drover.kinds.flow import KIND as FLOW
from drover.model.errors import Missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import UnsetType

    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.store import Session

_NAMED: Final[Mapping[str, Kind[Any]]] = {"flow": FLOW, "device": DEVICE}
"""The kinds of those sources that are resources of the event's application."""


async def source_name(session: Session, caller: Caller, application_id: str) -> str | UnsetType:
    """Return a user's e-mail, or the name of a workflow, device or token; unset where it has none.

    Those that are gone meanwhile, a workflow that still runs, have none either.
    """
    try:
        return await _name(session, caller, application_id) or UNSET
    except Missing:
        return UNSET


async def _name(session: Session, caller: Caller, application_id: str) -> str | None:
    kind = _NAMED.get(caller.type)
    if kind is not None:
        return str((await session.resources.get(kind, application_id, caller.id)).name)
    if caller.type == "apiToken" and caller.token_id and caller.application_id:
        tokens = session.access.tokens
        return (await tokens.get("application", caller.application_id, caller.token_id)).name
    if caller.type == "user":
        return caller.email or (await session.access.accounts.get(caller.id)).email
    return None
