"""What goes with dashboards beyond the usual operations: their password is kept as a hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from drover.app.catalog import QuietHook

if TYPE_CHECKING:
    from drover.app.experience import Hasher
    from drover.model.access import Caller
    from drover.model.kind import Kind


class DashboardHook(QuietHook):
    """Keeps a hash instead of the password of a dashboard."""

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher

    async def prepare(self, _caller: Caller, _kind: Kind[Any], given: Any, /) -> Any:
        """Return the body with the password's hash."""
        if not given.password:
            return given
        return structs.replace(given, password=await self._hasher.hash(given.password))
