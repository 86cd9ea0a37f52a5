"""What is kept for how long: whatever is past its time is deleted, in small steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from drover.ports.blobs import Blobs
    from drover.ports.retention import GoneExecution, Topic
    from drover.ports.store import Session, Store

DAY_MS: Final = 86_400_000
BATCH: Final = 500
"""Rows that one unit of work deletes; others write in between."""
MOST_STEPS: Final = 50
"""Steps of one round for one topic: a backlog is worked off over several rounds."""

_LOG = structlog.get_logger("drover.retention")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """For how many days something is kept; 0 is for ever."""

    executions: float = 90
    run_history: float = 30
    debug_messages: float = 7
    deleted_devices: float = 30
    device_log: float = 90
    audit_log: float = 365

    def topics(self) -> Iterator[tuple[Topic, float]]:
        """Yield what is deleted by age, in order, and its days."""
        days: tuple[tuple[Topic, float], ...] = (
            ("executions", self.executions),
            ("run_counts", self.run_history),
            ("run_errors", self.run_history),
            ("debug_messages", self.debug_messages),
            ("states_of_deleted", self.deleted_devices),
            ("deleted_devices", self.deleted_devices),
            ("device_log", self.device_log),
            ("audit_log", self.audit_log),
        )
        yield from (each for each in days if each[1] > 0)


class Retention:
    """Deletes what is past its time. Any number of servers may do so at once."""

    def __init__(self, store: Store, blobs: Blobs, keep: Keep) -> None:
        self._store = store
        self._blobs = blobs
        self._keep = keep
        self._stopping = False

    def stop(self) -> None:
        """End the round that runs after its next step; what is left waits for another start."""
        self._stopping = True

    async def tick(self) -> float | None:
        """Delete what is past its time; return 0 when there is more than one round takes."""
        more = False
        for topic, days in self._keep.topics():
            more |= await self._steps(topic, partial(self._retire, topic, int(days * DAY_MS)))
        more |= await self._steps("gone executions", self._clear)
        return 0.0 if more else None

    async def _steps(self, what: str, step: Callable[[], Awaitable[int]]) -> bool:
        """Repeat a step while it finds a full batch; tell whether it would still."""
        total = count = 0
        for _ in range(MOST_STEPS):
            count = await step()
            total += count
            if count < BATCH or self._stopping:
                break
        if total:
            _LOG.info("deleted what is past its time", what=what, count=total)
        return count >= BATCH

    async def _retire(self, topic: Topic, age_ms: int) -> int:
        async def work(session: Session) -> int:
            before_ms = await session.now_ms() - age_ms
            return await session.retention.retire(topic, before_ms, BATCH)

        return await self._store.write(work)

    async def _clear(self) -> int:
        """Take away what deleted executions left: items, then the file, then the note of it."""
        found = await self._store.read(lambda session: session.retention.gone(BATCH))
        for gone in found:
            await self._clear_one(gone)
        return len(found)

    async def _clear_one(self, gone: GoneExecution) -> None:
        def items(session: Session) -> Awaitable[int]:
            return session.retention.clear_items(gone.number, BATCH)

        while await self._store.write(items) == BATCH:
            if self._stopping:
                return
        if gone.report_key is not None:
            await self._blobs.delete(gone.report_key)
        await self._store.write(lambda session: session.retention.forget(gone.number))
