"""The server's own API as its workflows call it: in the process, never over the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.model.access import Caller


class OwnApi(Protocol):
    """Calls operations by their names, as ``device.get``."""

    async def call(
        self, caller: Caller, name: str, params: Mapping[str, Any], token: str = ""
    ) -> dict[str, Any]:
        """Return ``{"result": value}`` or ``{"error": {type, statusCode, message}}``.

        ``params`` are those of path and query by their names; what is named otherwise is the body.
        With a ``token`` its holder calls, in place of ``caller``.
        """
        ...
