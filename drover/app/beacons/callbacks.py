"""Tells other servers that a job has ended: signed, and again until they take it or it is late."""

from __future__ import annotations

import asyncio
import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import structlog

from drover.ports.web import WebFailure, WebRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.model.beacon_job import BeaconJob
    from drover.ports.beacons import Callback
    from drover.ports.store import Session, Store
    from drover.ports.web import Web

SIGNATURE: Final = "X-Drover-Signature"
"""The header of the signature: ``t=SECONDS,v1=HEX``, the HMAC-SHA256 of ``SECONDS.BODY``."""

PAUSES_S: Final = (10, 60, 300, 1800, 7200, 21_600, 43_200)
"""How long after each failed try the next one comes; after the last of them it is given up."""

_AT_A_TIME: Final = 20
_TIMEOUT_MS: Final = 10_000
_CLAIMED_MS: Final = 60_000
_MOST_BYTES: Final = 65_536
_OK: Final = range(200, 300)

_LOG = structlog.get_logger("drover.beacons")


class Callbacks:
    """Any number of servers may run this: each callback is claimed before it is made.

    ``body`` encodes what is told. A receiver may be told twice, if a server ends at a bad moment.
    """

    def __init__(
        self, store: Store, web: Web, key: bytes, body: Callable[[BeaconJob], bytes]
    ) -> None:
        self._store = store
        self._web = web
        self._key = key
        self._body = body

    async def tick(self) -> float | None:
        """Make the callbacks that are due."""
        if not await self._store.read(_wait):
            return None
        claimed = await self._store.write(_claim)
        await asyncio.gather(*(self._make(each) for each in claimed))
        return 0.0 if len(claimed) == _AT_A_TIME else None

    async def _make(self, callback: Callback) -> None:
        failure = await self._sent(callback)
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

    async def _sent(self, callback: Callback) -> str | None:
        """Send it; return why that failed, None when it was taken."""
        body = self._body(callback.job)
        seconds = await self._store.read(lambda session: session.now_ms()) // 1000
        request = WebRequest(
            method="POST",
            url=callback.url,
            headers=(
                ("Content-Type", "application/json"),
                (SIGNATURE, signature(self._key, seconds, body)),
            ),
            body=body,
            follows=False,
            timeout_ms=_TIMEOUT_MS,
            most_bytes=_MOST_BYTES,
        )
        try:
            answer = await self._web.fetch(request)
        except WebFailure as error:
            return f"{error.name}: {error.message}"
        return None if answer.status in _OK else f"status {answer.status}"


def signature(key: bytes, seconds: int, body: bytes) -> str:
    """Return the value of the header by which a receiver knows that we sent it, and when."""
    digest = hmac.new(key, b"%d." % seconds + body, sha256).hexdigest()
    return f"t={seconds},v1={digest}"


async def _wait(session: Session) -> bool:
    return await session.beacons.callbacks_wait(await session.now_ms())


async def _claim(session: Session) -> list[Callback]:
    now_ms = await session.now_ms()
    return list(await session.beacons.claim_callbacks(now_ms, now_ms + _CLAIMED_MS, _AT_A_TIME))
