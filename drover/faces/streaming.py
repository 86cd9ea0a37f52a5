"""Answers that are sent as they come, for as long as the caller is there and may see them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import structlog

from drover.model.errors import DroverError, Forbidden, Missing, Unauthorized

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Still = Callable[[], Awaitable[object]]
    """Raises DroverError once the caller may see no more."""

LOOK_S: Final = 5.0
"""How often it is looked whether the reader of an endless answer may still read it."""

_LOST: Final = (Unauthorized, Forbidden, Missing)
_LOG = structlog.get_logger("drover.http")


async def stream(
    body: AsyncIterator[bytes], receive: Receive, send: Send, still: Still | None
) -> None:
    """Send until the end of the body, or until the client goes away or may see no more."""

    async def pump() -> None:
        async for part in body:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    pumping, leaving = asyncio.create_task(pump()), asyncio.create_task(left(receive))
    losing = [] if still is None else [asyncio.create_task(_lost(still))]
    tasks = [pumping, leaving, *losing]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        lost = not (pumping.done() or leaving.done())
        for task in tasks:
            task.cancel()
        ended, *_ = await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(ended, Exception):
        # The status is sent: all that is left is to break the answer off, and to say why here.
        _LOG.error("stream broken off", exc_info=ended)
    elif lost:
        await send({"type": "http.response.body", "body": b""})


async def while_let_in() -> None:
    """Ask for no more than that the caller may come in, which is looked at before: a ``Still``."""


async def left(receive: Receive) -> None:
    """Return once the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lost(still: Still) -> None:
    """Return once the caller may see no more; what cannot be found out takes nothing away."""
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            await still()
        except _LOST:
            return
        except DroverError as error:
            _LOG.warning("http.not_looked", error=error.message)
        except Exception:  # noqa: BLE001 - a fault of ours is no answer either, and ends no stream
            _LOG.exception("http.not_looked")
