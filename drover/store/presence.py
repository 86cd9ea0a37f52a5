"""Connections of devices in the store."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final

from drover.ports.presence import Connected
from drover.store.row_batches import batch

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from drover.store.driver import Row, Transaction


_COLUMNS: Final = ("device_ids", "connection_ids", "servers", "times", "key_ids")


class PresenceStore:
    """Connections within one transaction; see ``drover.ports.presence.Presence``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def came(self, connections: Sequence[Connected]) -> Collection[str]:
        """Note connections that began; return the devices whose is one that was not noted."""
        # Of several of one device the last one counts.
        newest = {each.device_id: each for each in connections}
        rows = await self._note("device_came", list(newest.values()))
        if any(row["outdated"] for row in rows):  # have it looked for those to be cut off
            await self._tx.execute("raise_access_revision")
        return {row["id"] for row in rows}

    async def went(self, connections: Sequence[Connected]) -> Collection[str]:
        """Note connections that ended, unless a newer one is there; return devices that went."""
        return {row["id"] for row in await self._note("device_went", connections)}

    async def revoked(self, limit: int) -> Sequence[tuple[str, str]]:
        """Return server and id of connections whose device or access key is there no longer."""
        rows = await self._tx.fetch("revoked_connections", {"limit": limit})
        return [(row["connection_server"], row["connection_id"]) for row in rows]

    async def connections_of(
        self, device_ids: Sequence[str], limit: int
    ) -> Sequence[tuple[str, str]]:
        """Return server and id of the connections of those devices that are connected."""
        rows = await self._tx.fetch("connections_of", {"ids": list(device_ids), "limit": limit})
        return [(row["connection_server"], row["connection_id"]) for row in rows]

    async def at(self, server: str) -> Sequence[tuple[str, Connected]]:
        """Return the application and the connection of each device that a server has."""
        rows = await self._tx.fetch("connections_at", {"server": server})
        return [(row["application_id"], _connected(row)) for row in rows]

    async def connected_among(self, device_ids: Sequence[str]) -> Mapping[str, int]:
        """Return which of these devices are connected, to whichever server, and since when."""
        rows = await self._tx.fetch("connected_among", {"ids": list(device_ids)})
        return {row["id"]: row["connection_ms"] for row in rows}

    async def behind(self, application_id: str, gateway_id: str, limit: int) -> Sequence[str]:
        """Return the devices that a gateway speaks for: its own, and those of any gateway."""
        params = {"application_id": application_id, "gateway_id": gateway_id, "limit": limit}
        return [row["id"] for row in await self._tx.fetch("devices_behind", params)]

    async def renew(self, server: str, until_ms: int) -> None:
        """Note that a server is there."""
        await self._tx.execute("mqtt_server_renew", {"name": server, "until_ms": until_ms})

    async def left_by_servers(self, now_ms: int, limit: int) -> Sequence[tuple[str, str]]:
        """Disconnect devices of servers that are there no longer; at most ``limit`` of them."""
        await self._tx.execute("mqtt_server_forget", {"now_ms": now_ms})
        params: dict[str, object] = {"now_ms": now_ms, "limit": limit}
        rows = await self._tx.fetch("devices_of_lost_servers", params)
        return [(row["application_id"], row["id"]) for row in rows]

    async def _note(self, statement: str, connections: Sequence[Connected]) -> Sequence[Row]:
        if not connections:
            return ()
        rows = [
            (each.device_id, each.connection_id, each.server, each.time_ms, each.key_id)
            # In one order, so that servers that write at once do not wait crosswise.
            for each in sorted(connections, key=attrgetter("device_id"))
        ]
        return await self._tx.fetch(statement, batch(self._tx.dialect, _COLUMNS, rows))


def _connected(row: Row) -> Connected:
    return Connected(
        device_id=row["id"],
        connection_id=row["connection_id"],
        server=row["connection_server"],
        time_ms=row["connection_ms"],
        key_id=row["connection_key"] or "",
    )
