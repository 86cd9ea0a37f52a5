"""Requests that start workflows and wait for a reply, whichever server runs the workflow."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from drover.model.errors import DroverError, TooMany, Unavailable, reached

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from drover.ports.jobs import Firing
    from drover.ports.store import Session, Store

LOOK_S: Final = 0.1
"""How often it is looked for replies that another server's workflows gave."""


class AwaitedReplies:
    """Starts workflows and waits for what one of them replies.

    The reply is kept in the store, where the first one wins; a workflow of this server wakes who
    waits at once. ``most`` may wait at a time, each for ``seconds``.
    """

    def __init__(self, store: Store, *, most: int = 500, seconds: float = 60.0) -> None:
        self._store = store
        self._most = most
        self.seconds = seconds
        self._waiting: dict[str, asyncio.Future[bytes | None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._stopping = False

    async def ask(
        self,
        reply_id: str,
        firing: Firing,
        left: Callable[[], Awaitable[None]],
        beside: Sequence[Firing] = (),
    ) -> bytes | None:
        """Store a firing and return the reply (JSON) to it; None when none comes in time.

        Those ``beside`` it are stored with it, all or none; they are waited for by nobody. Neither
        is it for a client that has ``left``. Raises TooMany, Unavailable.
        """
        if len(self._waiting) >= self._most:
            full = TooMany("Too many requests wait for a reply; try again later", retry_after_s=5)
            raise reached("max_waiting_replies", full)
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._waiting[reply_id] = future
        try:
            await self._store.write(
                lambda session: self._begin(session, reply_id, [firing, *beside])
            )
            return await self._first(future, left)
        finally:
            del self._waiting[reply_id]

    async def start(self, firings: Sequence[Firing]) -> None:
        """Store firings that nobody waits for a reply to, all of them or none."""

        async def work(session: Session) -> None:
            await session.jobs.firings.add(firings, await session.now_ms())

        await self._store.write(work)

    async def give(self, application_id: str, reply_id: str, document: bytes) -> bool:
        """Reply (JSON) to a request; False when it waits no longer or has its reply."""
        given = await self._store.write(
            lambda session: session.replies.give(application_id, reply_id, document)
        )
        if given:
            self._tell(reply_id, document)
        return given

    def stop(self) -> None:
        """Let nobody wait any longer: the server stops."""
        self._stopping = True
        for future in self._waiting.values():
            if not future.done():
                future.set_result(None)

    async def _begin(self, session: Session, reply_id: str, firings: Sequence[Firing]) -> None:
        now_ms = await session.now_ms()
        await session.replies.clear(now_ms)
        until_ms = now_ms + int(self.seconds * 1000)
        await session.replies.wait_for(firings[0].application_id, reply_id, until_ms)
        await session.jobs.firings.add(firings, now_ms)

    async def _first(
        self, future: asyncio.Future[bytes | None], left: Callable[[], Awaitable[None]]
    ) -> bytes | None:
        """Return the reply, or None when time is up or the client is gone."""
        self._look()
        leaving = asyncio.ensure_future(left())
        try:
            ends: list[asyncio.Future[Any]] = [future, leaving]
            await asyncio.wait(ends, timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            with suppress(asyncio.CancelledError):
                await leaving
        if self._stopping:
            raise Unavailable("The server stops; try again")
        return future.result() if future.done() else None

    def _look(self) -> None:
        """Look for replies of other servers as long as anybody waits."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._keep_looking())

    async def _keep_looking(self) -> None:
        while self._waiting and not self._stopping:
            with suppress(DroverError):  # the store is busy or away: looked again soon
                await self._look_once()
            await asyncio.sleep(LOOK_S)

    async def _look_once(self) -> None:
        ids = list(self._waiting)
        found = await self._store.glance(lambda session: session.replies.given(ids))
        for reply_id, document in found.items():
            self._tell(reply_id, document)

    def _tell(self, reply_id: str, document: bytes) -> None:
        future = self._waiting.get(reply_id)
        if future is not None and not future.done():
            future.set_result(document)
