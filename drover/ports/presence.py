"""The area of the store that knows which devices are connected, and to which server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """One connection of a device: its id, the server that has it, when it came or went.

    ``key_id`` is the access key that opened it.
    """

    device_id: str
    connection_id: str
    server: str
    time_ms: int
    key_id: str = ""


class Presence(Protocol):
    """Connections of devices. A newer one replaces an older; the end of that then means nothing."""

    async def came(self, connections: Sequence[Connected]) -> Collection[str]:
        """Note connections that began; return the devices whose is one that was not noted."""
        ...

    async def went(self, connections: Sequence[Connected]) -> Collection[str]:
        """Note connections that ended, at their ``time_ms``; return devices connected no longer."""
        ...

    async def revoked(self, limit: int) -> Sequence[tuple[str, str]]:
        """Return server and id of connections whose device or access key is there no longer."""
        ...

    async def connections_of(
        self, device_ids: Sequence[str], limit: int
    ) -> Sequence[tuple[str, str]]:
        """Return server and id of the connections of those devices that are connected."""
        ...

    async def at(self, server: str) -> Sequence[tuple[str, Connected]]:
        """Return the application and the connection of each device that a server has."""
        ...

    async def connected_among(self, device_ids: Sequence[str]) -> Mapping[str, int]:
        """Return which of these devices are connected, to whichever server, and since when."""
        ...

    async def behind(self, application_id: str, gateway_id: str, limit: int) -> Sequence[str]:
        """Return the devices that a gateway speaks for: its own, and those of any gateway."""
        ...

    async def renew(self, server: str, until_ms: int) -> None:
        """Note that a server is there."""
        ...

    async def left_by_servers(self, now_ms: int, limit: int) -> Sequence[tuple[str, str]]:
        """Disconnect devices of servers that are there no longer; at most ``limit`` of them.

        Returns the application and the device of each.
        """
        ...
