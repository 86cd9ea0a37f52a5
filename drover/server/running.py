"""What a server started and has to end: loops and whatever is to be closed, last first."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drover.engine.loops import Loop


class Running:
    """The parts of one process that run; ``close`` ends them, the last begun first."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._open = AsyncExitStack()

    def ends_with(self, close: Callable[[], Awaitable[None]]) -> None:
        """Have something closed at the end, before all that is here already."""
        self._open.push_async_callback(close)

    def calls_at_end(self, stop: Callable[[], None]) -> None:
        """Have a plain call made at the end, before all that is here already."""
        self._open.callback(stop)

    def repeat(self, loop: Loop) -> None:
        """Run a loop until the end; the turn that it is in then is waited for."""
        self._open.push_async_callback(_end, loop, asyncio.create_task(loop.run()))

    def keep(self, task: asyncio.Task[None]) -> None:
        """Cancel a task at the end."""
        self._open.push_async_callback(_cancelled, task)

    async def close(self) -> None:
        """End what runs, last first."""
        await self._open.aclose()


async def _end(loop: Loop, task: asyncio.Task[None]) -> None:
    loop.stop()
    await task


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
