"""Waits until the broker has what was sent, which the client's own flush does not quite.

That one writes its question at once, ahead of what still waits to be written: the answer may
come before the broker has a subscription, and the first messages after it are missed. And when the
answer comes after it was given up, the client reads nothing more from then on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from nats.errors import ConnectionClosedError, FlushTimeoutError

if TYPE_CHECKING:
    from nats.aio.client import Client

PATIENCE_S: Final = 10.0


async def flush(client: Client, patience_s: float = PATIENCE_S) -> None:
    """Return when the broker has all that was sent until now; raises NatsError, OSError."""
    if client.is_closed:
        raise ConnectionClosedError
    await client._flush_pending(force_flush=True)  # noqa: SLF001 - the client has no way for this
    answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    await client._send_ping(answered)  # noqa: SLF001 - as above
    # Not cancelled, however long the answer takes: it would be an error for who reads it.
    done, _ = await asyncio.wait([answered], timeout=patience_s)
    if not done:
        raise FlushTimeoutError
