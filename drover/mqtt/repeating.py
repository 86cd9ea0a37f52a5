"""Something that is done again and again, whatever happens to it, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

import structlog
from nats.errors import Error as NatsError

from drover.model.errors import DroverError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable

    Act = Callable[[], Awaitable[None]]

AGAIN_S: Final = 0.1
"""When what did not end is cancelled again."""

_LOG = structlog.get_logger("drover.mqtt")


class Repeating:
    """One such thing, which may be started once."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []

    def start(self, act: Act, every_s: float) -> None:
        """Begin, with so many seconds between one time and the next."""
        self._task = asyncio.create_task(self._repeat(act, every_s))

    async def now(self) -> None:
        """Have it done before its time, and return once it was begun and done since.

        Who asks while it is being done shares the next time. Returns at once where it does not run.
        """
        if self._task is None:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._wanted.set()
        await done

    async def stop(self) -> None:
        """End it, in the middle of a time if need be. Safe to call twice, and before start."""
        task, self._task = self._task, None
        if task is not None:
            await end_all([task])
        _release(self._waiting)

    async def _repeat(self, act: Act, every_s: float) -> None:
        while True:
            waiting, self._waiting = self._waiting, []
            self._wanted.clear()
            try:
                await _tried(act)
            finally:
                _release(waiting)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._wanted.wait()


async def end_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended, whatever they end with.

    Once is not enough: what a task waits for within a timeout may come at the very moment, and then
    the cancel is lost (https://github.com/python/cpython/issues/86296).
    """
    left = set(tasks)
    while left:
        for each in left:
            each.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _tried(act: Act) -> None:
    try:
        await act()
    except (NatsError, DroverError, OSError) as error:
        _LOG.warning("mqtt.waits", error=str(error) or type(error).__name__)
    except Exception:  # noqa: BLE001 - a fault of ours must not stop all that comes later
        _LOG.exception("mqtt.failed")


def _release(waiting: Iterable[asyncio.Future[None]]) -> None:
    for each in waiting:
        if not each.done():
            each.set_result(None)
