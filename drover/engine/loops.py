"""The loops of the engine: something done again and again until it is told to stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from drover.model.errors import DroverError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LOG = structlog.get_logger("drover.engine")
_LONGEST_REST_S: Final = 30.0


class Loop:
    """Calls ``tick`` when woken, and at least every ``interval_s``.

    ``tick`` returns in how many seconds it wants to be called again, None for no wish. A tick that
    fails is logged and called again after a rest that grows with each failure in a row.
    """

    def __init__(
        self,
        name: str,
        tick: Callable[[], Awaitable[float | None]],
        wake: asyncio.Event,
        interval_s: float,
    ) -> None:
        self.name = name
        self._tick = tick
        self._wake = wake
        self._interval_s = interval_s
        self._stopping = False
        self._failures = 0

    async def run(self) -> None:
        """Go on until stopped."""
        while not self._stopping:
            self._wake.clear()
            rest_s = await self._once()
            if not self._stopping:
                await wait_for(self._wake, rest_s)

    def stop(self) -> None:
        """End after the tick that runs. Safe to call at any time."""
        self._stopping = True
        self._wake.set()

    async def _once(self) -> float:
        try:
            wish_s = await self._tick()
        except DroverError as error:  # the store is full, busy or away: it may come back
            _LOG.warning("loop_waits", loop=self.name, error=error.message)
            return self._rest()
        except Exception:  # noqa: BLE001 - a fault of one round must not end the loop
            _LOG.exception("loop_failed", loop=self.name)
            return self._rest()
        self._failures = 0
        return self._interval_s if wish_s is None else min(max(wish_s, 0), self._interval_s)

    def _rest(self) -> float:
        self._failures += 1
        # The wake-up that led here is not lost: the pause is cut by the next one or ends soon.
        return min(self._interval_s * self._failures, _LONGEST_REST_S)


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, at most so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
