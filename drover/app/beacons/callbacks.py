"""Tells other servers that a job has ended: signed, and again until they take it or it is late.

Each receiver has a few places of its own, and only one once it has failed, so that a receiver that
hangs holds up the callbacks of nobody else.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

import structlog

from drover.app.signed_posts import PAUSES_S, SignedPosts
from drover.model.errors import DroverError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drover.model.beacon_job import BeaconJob
    from drover.ports.beacons import Callback
    from drover.ports.store import Session, Store
    from drover.ports.web import Web

AT_A_TIME: Final = 64
"""Callbacks under way in one process."""

OF_FAILING: Final = 32
"""Callbacks under way to receivers that failed: the rest is for those that answer."""

OF_RECEIVER: Final = 8
"""Callbacks under way to one receiver, as long as it answers."""

OF_UNKNOWN: Final = 2
"""Callbacks under way to a receiver that was not called yet."""

REMEMBERED: Final = 4096
"""Receivers of which it is known whether they answer."""

_LOOKED_AT: Final = 256
_CLAIMED_MS: Final = 60_000

_LOG = structlog.get_logger("drover.beacons")


class Callbacks:
    """Any number of servers may run this: each callback is claimed before it is made.

    ``body`` encodes what is told; ``wake`` is set when there may be room for more. A receiver may
    be told twice, if a server ends at a bad moment.
    """

    def __init__(
        self,
        store: Store,
        web: Web,
        key: bytes,
        body: Callable[[BeaconJob], bytes],
        wake: asyncio.Event,
    ) -> None:
        self._store = store
        self._posts = SignedPosts(store, web, key)
        self._body = body
        self._wake = wake
        self._places = Places()
        self._making: set[asyncio.Task[None]] = set()
        self._last = ""

    async def tick(self) -> float | None:
        """Begin the callbacks that are due and that there is room for; they end by themselves."""
        hosts = await self._store.read(self._due) if self._places.left else ()
        if not hosts:
            return None
        claimed = await self._store.write(lambda session: self._claim(session, hosts))
        for each in claimed:
            self._begin(*each)
        return None

    async def settle(self) -> None:
        """Wait for the callbacks that are under way."""
        await asyncio.gather(*self._making)

    async def _due(self, session: Session) -> Sequence[str]:
        """Return who is to be called, those first whose turn is longest ago."""
        now_ms = await session.now_ms()
        hosts = await session.beacons.to_call(now_ms, self._last, _LOOKED_AT)
        if self._last and len(hosts) < _LOOKED_AT:
            hosts = [*hosts, *await session.beacons.to_call(now_ms, "", _LOOKED_AT)]
        return [host for host in dict.fromkeys(hosts) if self._places.room(host)]

    async def _claim(
        self, session: Session, hosts: Sequence[str]
    ) -> Sequence[tuple[str, Callback]]:
        now_ms = await session.now_ms()
        claimed: list[tuple[str, Callback]] = []
        places = self._places.copy()
        for host in hosts:
            room = places.room(host)
            if room:
                found = await session.beacons.claim_callbacks(
                    host, now_ms, now_ms + _CLAIMED_MS, room
                )
                places.take(host, len(found))
                claimed += [(host, each) for each in found]
        return claimed

    def _begin(self, host: str, callback: Callback) -> None:
        self._last = host
        self._places.take(host)
        task = asyncio.create_task(self._make(host, callback))
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    async def _make(self, host: str, callback: Callback) -> None:
        failure: str | None = "broken off"
        try:
            failure = await self._posts.send(callback.url, self._body(callback.job))
            await self._note(callback, failure)
        except DroverError as error:  # the store is away: it is made again once its claim is over
            _LOG.warning("callback_waits", number=callback.job.number, error=error.message)
        finally:
            self._places.give_back(host, failed=failure is not None)
            self._wake.set()

    async def _note(self, callback: Callback, failure: str | None) -> None:
        """Forget a callback that was taken or is late, or put it off."""
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


class Places:
    """How many callbacks are under way to whom, and how many more may be."""

    def __init__(self) -> None:
        """Begin with nobody called."""
        self._taken: Counter[str] = Counter()
        self._answers: dict[str, bool] = {}

    @property
    def left(self) -> int:
        """How many more callbacks there may be at all."""
        return max(0, AT_A_TIME - self._taken.total())

    def room(self, host: str) -> int:
        """Return how many more callbacks to one receiver may be begun."""
        most, left = OF_UNKNOWN, self.left
        if host in self._answers:
            most = OF_RECEIVER if self._answers[host] else 1
        if most == 1:
            left = min(left, OF_FAILING - self._of_failing())
        return max(0, min(left, most - self._taken[host]))

    def take(self, host: str, count: int = 1) -> None:
        """Note callbacks that begin."""
        self._taken[host] += count

    def give_back(self, host: str, *, failed: bool) -> None:
        """Note one that has ended, and whether its receiver answered."""
        self._taken -= Counter((host,))
        self._answers.pop(host, None)
        self._answers[host] = not failed
        if len(self._answers) > REMEMBERED:
            del self._answers[next(iter(self._answers))]

    def copy(self) -> Places:
        """Return the same, to be reckoned with."""
        other = Places()
        other._taken, other._answers = self._taken.copy(), self._answers
        return other

    def _of_failing(self) -> int:
        return sum(
            count for host, count in self._taken.items() if not self._answers.get(host, True)
        )
