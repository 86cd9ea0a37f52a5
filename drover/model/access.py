"""Who is calling, and what their token lets them do."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

CallerType = Literal["user", "apiToken", "device", "flow", "system"]


class Caller(Struct, frozen=True, kw_only=True):
    """The holder of a verified token.

    ``type`` and ``id`` are what a resource records as its source. A token of an application or a
    device carries its ``application_id``; one of an organisation its ``org_id``; a user's token,
    and an API token a user made, the ``user_id``.
    """

    type: CallerType
    id: str
    scopes: frozenset[str]
    user_id: str | None = None
    org_id: str | None = None
    application_id: str | None = None
    device_id: str | None = None
    token_id: str | None = None
    is_administrator: bool = False

    def holds(self, accepted: frozenset[str]) -> bool:
        """Tell whether the token holds at least one accepted scope."""
        return not self.scopes.isdisjoint(accepted)
