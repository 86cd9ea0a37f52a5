"""Watch executions: what changed, as it changes, for a bounded number of watchers."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final, Self

from drover.engine.loops import wait_for
from drover.model.errors import Missing, TooMany, Unavailable, reached
from drover.model.summary import STATUS, summary

if TYPE_CHECKING:
    from drover.model.run import Execution
    from drover.ports.clock import Clock
    from drover.ports.store import Store

MOST_STREAMS: Final = 200
"""Watchers of one server."""
MOST_OF_APPLICATION: Final = 50
"""Watchers of one application's executions, so that none takes all places."""
INTERVAL_S: Final = 0.2
"""Seconds between two looks."""
QUIET_LOOKS: Final = 75
"""Looks without an event after which a sign of life is given: 15 seconds."""
LONGEST_MS: Final = 3_600_000
"""Life of a stream: who goes on watching asks again, with a token that must still be good."""

_RATE_LOOKS: Final = 50


class Progress:
    """Opens streams of progress, and ends them all when the server stops."""

    def __init__(self, store: Store, clock: Clock, *, interval_s: float = INTERVAL_S) -> None:
        self.store = store
        self.clock = clock
        self.interval_s = interval_s
        self.stopping = asyncio.Event()
        self._open: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many streams are open."""
        return self._open.total()

    def watch(self, execution: Execution) -> ProgressStream:
        """Return a stream of an execution's progress; raises TooMany."""
        application_id = execution.application_id or ""
        if self.open >= MOST_STREAMS or self._open[application_id] >= MOST_OF_APPLICATION:
            raise reached("progress_streams", TooMany("Too many streams of progress are open"))
        self._open[application_id] += 1
        return ProgressStream(self, execution)

    def stop(self) -> None:
        """End all streams soon."""
        self.stopping.set()

    def release(self, application_id: str) -> None:
        """Make the place of a stream free."""
        self._open[application_id] -= 1


class ProgressStream:
    """Yields the progress of one execution: at once, and whenever it changed, until it ended.

    None is a sign of life. Must be closed.
    """

    def __init__(self, progress: Progress, execution: Execution) -> None:
        self._progress = progress
        self._execution = execution
        self._opened_ms = progress.clock.monotonic_ms()
        self._last: dict[str, Any] | None = None
        self._ended = False
        self._closed = False
        self._looks: deque[tuple[int, int]] = deque(maxlen=_RATE_LOOKS)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any] | None:
        """Return the next event, or None as a sign of life."""
        if self._last is None:
            return self._event(self._execution)
        for _ in range(QUIET_LOOKS):
            if self._is_over():
                raise StopAsyncIteration
            await wait_for(self._progress.stopping, self._progress.interval_s)
            if (event := await self._look()) is not None:
                return event
        return None

    async def aclose(self) -> None:
        """Make the place free. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._progress.release(self._execution.application_id or "")

    def _is_over(self) -> bool:
        progress = self._progress
        if self._ended or self._closed or progress.stopping.is_set():
            return True
        return progress.clock.monotonic_ms() - self._opened_ms >= LONGEST_MS

    async def _look(self) -> dict[str, Any] | None:
        number = self._execution.number
        try:
            found = await self._progress.store.glance(
                lambda session: session.jobs.executions.get_number(number)
            )
        except Missing:  # it was deleted with its job
            self._ended = True
            return None
        except Unavailable:  # the store is busy or away: it may come back
            return None
        return self._event(found)

    def _event(self, execution: Execution) -> dict[str, Any] | None:
        """Return what is to be told, None when nothing changed."""
        self._ended = execution.state.is_final
        told = {
            "executionId": execution.id,
            "status": STATUS[execution.state],
            "executionSummary": summary(execution),
        }
        self._looks.append((self._progress.clock.monotonic_ms(), execution.ended_items))
        if told == self._last:
            return None
        self._last = told
        rate = self._rate()
        return told if rate is None else {**told, "ratePerSecond": rate}

    def _rate(self) -> float | None:
        (first_ms, first), (last_ms, last) = self._looks[0], self._looks[-1]
        if last_ms <= first_ms:
            return None
        return round((last - first) * 1000 / (last_ms - first_ms), 1)
