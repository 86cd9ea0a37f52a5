"""Tells other servers that a job has ended: signed, and again until they take it or it is late."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from drover.app.signed_posts import PAUSES_S, SignedPosts

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.model.beacon_job import BeaconJob
    from drover.ports.beacons import Callback
    from drover.ports.store import Session, Store
    from drover.ports.web import Web

_AT_A_TIME: Final = 20
_CLAIMED_MS: Final = 60_000

_LOG = structlog.get_logger("drover.beacons")


class Callbacks:
    """Any number of servers may run this: each callback is claimed before it is made.

    ``body`` encodes what is told. A receiver may be told twice, if a server ends at a bad moment.
    """

    def __init__(
        self, store: Store, web: Web, key: bytes, body: Callable[[BeaconJob], bytes]
    ) -> None:
        self._store = store
        self._posts = SignedPosts(store, web, key)
        self._body = body

    async def tick(self) -> float | None:
        """Make the callbacks that are due."""
        if not await self._store.read(_wait):
            return None
        claimed = await self._store.write(_claim)
        await asyncio.gather(*(self._make(each) for each in claimed))
        return 0.0 if len(claimed) == _AT_A_TIME else None

    async def _make(self, callback: Callback) -> None:
        failure = await self._posts.send(callback.url, self._body(callback.job))
        again_s = None
        if failure is not None and callback.tries <= len(PAUSES_S):
            again_s = PAUSES_S[callback.tries - 1]
        if failure is not None:
            _LOG.warning(
                "callback_failed",
                number=callback.job.number,
                tries=callback.tries,
                error=failure,
                again_s=again_s,
            )

        async def work(session: Session) -> None:
            again_ms = None if again_s is None else await session.now_ms() + again_s * 1000
            await session.beacons.end_callback(callback, again_ms)

        await self._store.write(work)


async def _wait(session: Session) -> bool:
    return await session.beacons.callbacks_wait(await session.now_ms())


async def _claim(session: Session) -> list[Callback]:
    now_ms = await session.now_ms()
    return list(await session.beacons.claim_callbacks(now_ms, now_ms + _CLAIMED_MS, _AT_A_TIME))
