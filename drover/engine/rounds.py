"""Questions that come at the same time, answered together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from drover.model.errors import Full, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Q = TypeVar("Q")
A = TypeVar("A")

MOST: Final = 64
"""Questions of one round."""

AT_ONCE: Final = 2
"""Rounds that may be under way at a time: while one waits for the store another can begin."""


class _Asked(NamedTuple, Generic[Q, A]):
    question: Q
    future: asyncio.Future[A]


class Rounds(Generic[Q, A]):
    """Answers who comes alone at once; those who come while rounds are under way share the next.

    A round begins after all its questions were asked, so no answer is older than its question.
    Where a round fails, each question is asked alone, so that one spoils no other's answer; unless
    there is no room or nobody to ask.
    """

    def __init__(self, answer: Callable[[Sequence[Q]], Awaitable[Sequence[A]]]) -> None:
        """Use ``answer``, which returns the answers to some questions in their order."""
        self._answer = answer
        self._waiting: list[_Asked[Q, A]] = []
        self._going = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: Q) -> A:
        """Return the answer; raises what asking raises."""
        if self._going < AT_ONCE:
            return await self._alone(question)
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(question, future))
        return await future

    async def _alone(self, question: Q) -> A:
        """Answer within the asking task, which costs less than a task of its own."""
        self._going += 1
        try:
            return (await self._answer([question]))[0]
        finally:
            self._go_on()

    def _go_on(self) -> None:
        """End a round; begin the next one where somebody waits for it."""
        self._going -= 1
        waiting = [each for each in self._waiting if not each.future.done()]
        taken, self._waiting = waiting[:MOST], waiting[MOST:]
        if taken:
            self._going += 1
            task = asyncio.create_task(self._together(taken))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _together(self, taken: Sequence[_Asked[Q, A]]) -> None:
        try:
            await self._tell(taken)
        finally:
            self._go_on()

    async def _tell(self, taken: Sequence[_Asked[Q, A]]) -> None:
        try:
            answers = await self._answer([each.question for each in taken])
        except Exception as error:  # noqa: BLE001 - told to whom it concerns
            await self._fail(taken, error)
            return
        for each, answer in zip(taken, answers, strict=True):
            if not each.future.done():
                each.future.set_result(answer)

    async def _fail(self, taken: Sequence[_Asked[Q, A]], error: Exception) -> None:
        if len(taken) > 1 and not isinstance(error, Full | Unavailable):
            for each in taken:
                await self._tell([each])
            return
        for each in taken:
            if not each.future.done():
                each.future.set_exception(error)
