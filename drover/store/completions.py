"""Hands the outcomes of database threads to the event loop, many per wake-up."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable


class Outcome(NamedTuple):
    """How one piece of work ended."""

    future: asyncio.Future[Any]
    result: Any
    failure: BaseException | None


class Completions:
    """A queue from threads to futures of one loop.

    Waking a loop is a system call, so it is done once for all outcomes that are ready by then.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ready: deque[Outcome] = deque()
        self._woken = False

    def give(self, outcomes: Iterable[Outcome]) -> None:
        """Hand over outcomes; called in any thread."""
        # Append before looking at the flag: whoever set it has not begun to empty the queue yet.
        self._ready.extend(outcomes)
        if not self._woken:
            self._woken = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._woken = False
        while self._ready:
            future, result, failure = self._ready.popleft()
            if future.done():  # its caller was cancelled meanwhile
                continue
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)
