"""Many small things written together: one unit of work for all that came since the last one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import structlog

from drover.model.errors import DroverError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")

MOST_TOGETHER: Final = 4000
REST_S: Final = 0.5
"""How long to wait before a store that failed is tried again."""

_LOG = structlog.get_logger("drover.live")


class Batches(Generic[T]):
    """Writes what is put, in order, from one task.

    While the store is away everything waits; who puts bounds how much that can be, and what is
    offered is dropped when too much waits. A thing that cannot be written at all is given to
    ``lost``, and does not take others with it.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[T]], Awaitable[None]],
        lost: Callable[[T], None] = lambda _thing: None,
        gather_s: float = 0.0,
    ) -> None:
        """Write what is put by ``write``, ``gather_s`` after the first of it has come."""
        self._name = name
        self._write = write
        self._lost = lost
        self._gather_s = gather_s
        self._waiting: list[T] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """How many things were offered in vain."""

    def __len__(self) -> int:
        """Return how many things wait."""
        return len(self._waiting)

    def offer(self, thing: T, most: int) -> None:
        """Have a thing written soon, unless so many wait that it is dropped."""
        if len(self._waiting) < most:
            self.put(thing)
            return
        if not self.dropped:
            _LOG.error("live.dropped", what=self._name, waiting=most)
        self.dropped += 1

    def put(self, thing: T) -> None:
        """Have a thing written soon."""
        self._waiting.append(thing)
        self._wake.set()

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write what is left, once, and end. Safe to call before start."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
            self._task = None

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            if self._gather_s and not self._closing:
                await asyncio.sleep(self._gather_s)
            batch = self._waiting[:MOST_TOGETHER]
            if batch and await self._written(batch):
                del self._waiting[: len(batch)]

    async def _written(self, batch: Sequence[T]) -> bool:
        """Tell whether a batch is dealt with: one that the store could not take is tried again."""
        try:
            await self._write(batch)
        except DroverError as error:
            _LOG.warning("live.waits", what=self._name, error=error.message, things=len(batch))
            if not self._closing:
                await asyncio.sleep(REST_S)
            return self._closing
        except Exception:  # noqa: BLE001 - a fault of ours must not stop all that comes later
            if len(batch) == 1:
                _LOG.exception("live.lost", what=self._name)
                self._lost(batch[0])
                return True
            return await self._each(batch)
        return True

    async def _each(self, batch: Sequence[T]) -> bool:
        """Write halves of a batch of which something cannot be written."""
        middle = len(batch) // 2
        return all([await self._written(batch[:middle]), await self._written(batch[middle:])])
