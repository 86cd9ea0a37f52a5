"""Units of work on the same execution, written together when they come at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from drover.ports.store import Session, Store

    Work = Callable[[Session], Awaitable[Any]]

T = TypeVar("T")


class _Waiting(NamedTuple):
    work: Work
    future: asyncio.Future[Any]


class Flushes:
    """Writes what comes for an execution at once, or with what else came during the write before.

    All of it moves the counts in the one row of the execution, so transactions of their own would
    wait for each other's commits, one after the other.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[int, list[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, number: int, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run work on an execution as one atomic unit; return after it is durable."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(number)
        if waiting is not None:
            waiting.append(_Waiting(work, future))
        else:
            self._waiting[number] = [_Waiting(work, future)]
            task = asyncio.create_task(self._flush(number))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _flush(self, number: int) -> None:
        while taken := self._waiting[number]:
            self._waiting[number] = []
            await self._together(taken)
        del self._waiting[number]

    async def _together(self, taken: Sequence[_Waiting]) -> None:
        async def work(session: Session) -> list[Any]:
            return [await each.work(session) for each in taken]

        try:
            results = await self._store.write(work)
        except Exception as error:  # noqa: BLE001 - told to whom it concerns
            if len(taken) == 1:
                _tell(taken[0].future, error)
                return
            for each in taken:  # one that fails takes nothing with it
                await self._together([each])
            return
        for each, result in zip(taken, results, strict=True):
            _tell(each.future, result)


def _tell(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
