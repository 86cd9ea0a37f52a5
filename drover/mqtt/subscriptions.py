"""Subscriptions at the broker: made all or none, and ended at once or after what is under way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from nats.errors import Error as NatsError

from drover.mqtt.flushing import flush

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

FINISHING_S: Final = 5.0
"""How long messages that the broker has sent may take to be handed over."""

_LOG = structlog.get_logger("drover.mqtt")
_FAILURES: Final = (NatsError, OSError, TimeoutError)


async def subscribe(
    client: Client, subjects: Sequence[str], take: Callable[[Msg], Awaitable[None]], queue: str
) -> list[Subscription]:
    """Subscribe to all of these or, where that fails, to none; raises NatsError and OSError."""
    found: list[Subscription] = []
    try:
        for subject in subjects:
            found.append(await client.subscribe(subject, queue=queue, cb=take))  # noqa: PERF401 - those before one that fails are ended
        await flush(client)
    except (asyncio.CancelledError, *_FAILURES):
        await end(found)
        raise
    return found


async def end(subscriptions: Sequence[Subscription]) -> None:
    """Take nothing more of these, as far as their connection is there."""
    for each in subscriptions:
        try:
            await each.unsubscribe()
        except NatsError:  # the connection is gone, and with it the subscription
            _LOG.debug("mqtt.subscription_gone", subject=each.subject)


async def finish(subscriptions: Sequence[Subscription]) -> None:
    """Take nothing more of these than what the broker has sent by now, and wait for all of that."""
    for each in subscriptions:
        try:
            async with asyncio.timeout(FINISHING_S):
                await each.drain()  # type: ignore[no-untyped-call]
        except _FAILURES as error:
            _LOG.warning("mqtt.waits", error=str(error) or type(error).__name__)
