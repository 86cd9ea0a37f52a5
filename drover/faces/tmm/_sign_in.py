"""Who is calling: the userkey, wherever it was sent (TMM-compatible behaviour, section 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.model.errors import Unauthorized

if TYPE_CHECKING:
    from drover.app.access.authenticate import Authenticator
    from drover.faces.operation import Call
    from drover.faces.tmm._given import Given
    from drover.model.access import Caller


async def caller_of(authenticator: Authenticator, call: Call, given: Given) -> Caller:
    """Return who is calling; raises Unauthorized. A cookie counts for nothing."""
    key = _key(call, given)
    try:
        return await authenticator.authenticate_userkey(key)
    except Unauthorized as error:
        raise Unauthorized("The userkey is unknown, revoked or expired") from error


def _key(call: Call, given: Given) -> str:
    scheme, _, text = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and text.strip():
        return text.strip()
    key = call.headers.get("x-user-key", "").strip() or given.raw("userkey")
    if not isinstance(key, str) or not key.strip():
        raise Unauthorized("A userkey is needed")
    return key.strip()
