"""What goes with webhooks beyond the usual operations: the secret part of their URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from drover.app.catalog import QuietHook

if TYPE_CHECKING:
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.clock import Ids
    from drover.ports.store import Session

TOKEN_BYTES: Final = 24


class WebhookTokens(QuietHook):
    """Makes the token of a new webhook; it never changes."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    async def before(
        self, _session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the webhook with its token."""
        return new if old is not None else structs.replace(new, token=self._ids.secret(TOKEN_BYTES))
