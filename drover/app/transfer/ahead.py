"""Work that a thread does ahead of whoever waits for its results."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

DEPTH: Final = 2
"""Items that wait to be taken; then the thread waits."""


@dataclass(frozen=True, slots=True)
class _End:
    """The last of all items, and why there are no more."""

    error: BaseException | None = None


class Ahead(Generic[T]):
    """Items made in a thread of their own, so that the store works while the next ones are made.

    They are taken inside a unit of work: by a loop, or by a thread of the store, which has none and
    nothing else to do. ``close`` must be called, whatever happens.
    """

    def __init__(self, items: Iterator[T]) -> None:
        self._ready: queue.Queue[T | _End] = queue.Queue(DEPTH)
        self._closed = False
        threading.Thread(target=self._make, args=(items,), daemon=True).start()

    async def next(self) -> T | None:
        """Return the next item, None after the last one; raises what making it raised."""
        found = await self._taken()
        if not isinstance(found, _End):
            return found
        if found.error is not None:
            raise found.error
        return None

    def close(self) -> None:
        """Have the thread stop after the item that it makes."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._ready.get_nowait()

    async def _taken(self) -> T | _End:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._ready.get()
        with contextlib.suppress(queue.Empty):
            return self._ready.get_nowait()
        return await asyncio.to_thread(self._ready.get)

    def _make(self, items: Iterator[T]) -> None:
        end = _End()
        try:
            for item in items:
                self._ready.put(item)
                if self._closed:
                    break
        except BaseException as error:  # noqa: BLE001 - raised where the items are taken
            end = _End(error)
        self._ready.put(end)
