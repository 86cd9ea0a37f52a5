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

OF_ALL_UNKNOWN: Final = 16
"""Callbacks under way to all receivers that were not called yet: names are cheap."""

REMEMBERED: Final = 4096
"""Receivers of which it is known whether they answer."""

_LOOKED_AT: Final = 256
_CLAIMED_MS: Final = 60_000

_LOG = structlog.get_logger("drover.beacons")


class Callbacks:
    """Any number of servers may run this: each callback is claimed before it is made.

    ``body`` encodes what is told; ``wake`` is set when one has ended and something was left undone
    for lack of room. A receiver may be told twice, if a server ends at a bad moment.
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
        self._undone = False

    async def tick(self) -> float | None:
        """Begin the callbacks that are due and that there is room for; they end by themselves."""
        self._undone = True  # what ends meanwhile makes room that this turn does not see
        if not self._places.left:
            return None
        hosts = await self._store.read(self._due)
        claimed: Sequence[tuple[str, Callback]] = ()
        roomy = [host for host in hosts if self._places.room(host)]
        if roomy:
            claimed = await self._store.write(lambda session: self._claim(session, roomy))
        for each in claimed:
            self._begin(*each)
        if hosts and not claimed:
            self._last = hosts[-1]  # those behind them have their turn
        full = any(not self._places.room(host) for host in hosts)
        self._undone = full or len(hosts) >= _LOOKED_AT
        return None

    async def settle(self) -> None:
        """Wait for the callbacks that are under way."""
        await asyncio.gather(*self._making, return_exceptions=True)

    async def _due(self, session: Session) -> Sequence[str]:
        """Return who is to be called, those first whose turn is longest ago."""
        now_ms = await session.now_ms()
        hosts = await session.beacons.to_call(now_ms, self._last, _LOOKED_AT)
        if self._last and len(hosts) < _LOOKED_AT:
            hosts = [*hosts, *await session.beacons.to_call(now_ms, "", _LOOKED_AT)]
        return list(dict.fromkeys(hosts))

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
        answers: bool | None = None
        try:
            failure, answers = await self._sent(callback)
            await self._note(callback, failure)
        except DroverError as error:  # the store is away: it is made again once its claim is over
            _LOG.warning("callback_waits", number=callback.job.number, error=error.message)
        except Exception:  # noqa: BLE001 - as above, and not silently
            _LOG.exception("callback_not_noted", number=callback.job.number)
        finally:
            self._places.give_back(host, answers=answers)
            if self._undone:
                self._wake.set()

    async def _sent(self, callback: Callback) -> tuple[str | None, bool | None]:
        """Return why a callback failed, and whether its receiver answers: None if not its fault."""
        try:
            failure = await self._posts.send(callback.url, self._body(callback.job))
        except DroverError:
            raise
        except Exception:  # noqa: BLE001 - any other would be tried for ever, unseen
            _LOG.exception("callback_fault", number=callback.job.number)
            return "a fault of this server", None
        return failure, failure is None

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
        answers = self._answers.get(host)
        most, left = OF_RECEIVER, self.left
        if answers is None:
            most, left = OF_UNKNOWN, min(left, OF_ALL_UNKNOWN - self._taken_by(answers=None))
        elif not answers:
            most, left = 1, min(left, OF_FAILING - self._taken_by(answers=False))
        return max(0, min(left, most - self._taken[host]))

    def take(self, host: str, count: int = 1) -> None:
        """Note callbacks that begin."""
        self._taken[host] += count

    def give_back(self, host: str, *, answers: bool | None) -> None:
        """Note one that has ended, and whether its receiver answers; None: that is not known."""
        self._taken -= Counter((host,))
        if answers is None:
            return
        self._answers.pop(host, None)
        self._answers[host] = answers
        if len(self._answers) > REMEMBERED:
            del self._answers[next(iter(self._answers))]

    def copy(self) -> Places:
        """Return the same, to be reckoned with."""
        other = Places()
        other._taken, other._answers = self._taken.copy(), self._answers
        return other

    def _taken_by(self, *, answers: bool | None) -> int:
        """Count those under way to receivers that answer, that fail, or that are not known."""
        return sum(
            count for host, count in self._taken.items() if self._answers.get(host) is answers
        )
