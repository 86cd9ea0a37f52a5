"""Connections of devices in the store."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.presence import Connected
    from drover.store.driver import Transaction


class PresenceStore:
    """Connections within one transaction; see ``drover.ports.presence.Presence``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def came(self, connections: Sequence[Connected]) -> None:
        """Note connections that began."""
        await self._tx.execute_many("device_came", [asdict(each) for each in connections])

    async def went(self, connections: Sequence[Connected]) -> None:
        """Note connections that ended, unless a newer one is there."""
        await self._tx.execute_many("device_went", [asdict(each) for each in connections])

    async def renew(self, server: str, until_ms: int) -> None:
        """Note that a server is there."""
        await self._tx.execute("mqtt_server_renew", {"name": server, "until_ms": until_ms})

    async def left_by_servers(self, now_ms: int, limit: int) -> Sequence[tuple[str, str]]:
        """Disconnect devices of servers that are there no longer; at most ``limit`` of them."""
        await self._tx.execute("mqtt_server_forget", {"now_ms": now_ms})
        params: dict[str, object] = {"now_ms": now_ms, "limit": limit}
        rows = await self._tx.fetch("devices_of_lost_servers", params)
        return [(row["application_id"], row["id"]) for row in rows]
