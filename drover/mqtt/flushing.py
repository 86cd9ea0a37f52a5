"""Waits until the broker has what was sent, which the client's own flush does not quite.

That one writes its question at once, ahead of what still waits to be written: the answer may
come before the broker has a subscription, and the first messages after it are missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nats.aio.client import Client


async def flush(client: Client) -> None:
    """Return when the broker has all that was sent until now; raises NatsError, OSError."""
    await client._flush_pending(force_flush=True)  # noqa: SLF001 - the client has no way for this
    await client.flush()
