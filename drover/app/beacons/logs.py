"""The log of a beacon job: lines that its worker wrote, each at its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.app.beacons.jobs import check_number
from drover.app.beacons.sights import check_seen, sight_of
from drover.model.beacon_job import check_log
from drover.model.errors import Invalid, TooLarge
from drover.ports.beacons import LogEnds, LogLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from drover.model.access import Caller
    from drover.model.beacon_job import BeaconJob, Hold
    from drover.ports.store import Session, Store

MOST_LINES: Final = 100_000
"""Lines in the log of one job."""

MOST_AT_ONCE: Final = 1000
"""Lines of one request."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""Bytes that the lines of one job's log have together; then its first lines are dropped."""

DROPPED: Final = f"(earlier lines were dropped: a log keeps {MOST_BYTES // 1024 // 1024} MiB)"
"""What stands in a log in the place of its first lines."""

_ROOM: Final = MOST_BYTES // 16
"""So much room is made at once."""

_PAGE: Final = 100
"""Lines read at a time."""

LONGEST: Final = 16_384
"""Characters of a line."""

MOST_SEQ: Final = 10**15
"""The last place that a line may have."""


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line to be added: its place and moment are found where they are not given."""

    line: str
    seq: int | None = None
    at_ms: int | None = None


class BeaconLogs:
    """The use cases around logs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def write(
        self, caller: Caller, number: int, hold: Hold, lines: Sequence[NewLine]
    ) -> tuple[BeaconJob, int]:
        """Add lines; return the job and the place of the log's last line.

        Lines whose place is taken are left out, so that a request may be sent again; those without
        a place come after the last. Raises Missing, JobConflict, Invalid, TooLarge.
        """
        check_number(number)
        _check(lines)

        async def work(session: Session) -> tuple[BeaconJob, int]:
            job = check_seen(await sight_of(session, caller), await session.beacons.hold(number))
            check_log(job, hold)
            dropped, last = await session.beacons.log_ends(number)
            placed = _placed(lines, last, await session.now_ms())
            new = [each for each in placed if each.seq > dropped]
            size = await session.beacons.add_lines(number, new)
            if size.lines > MOST_LINES:
                raise TooLarge(f"The log of a job may have {MOST_LINES} lines")
            if size.bytes > MOST_BYTES:
                await session.beacons.drop_lines(number, size.bytes - MOST_BYTES + _ROOM)
            return job, max(last, *(each.seq for each in placed))

        return await self._store.write(work)

    async def read(
        self, caller: Caller, number: int, after: int, limit: int
    ) -> AsyncIterator[Sequence[LogLine]]:
        """Return lines from after a place on, some at a time; raises Missing.

        A line of our own stands where the first lines were dropped.
        """
        check_number(number)

        async def work(session: Session) -> LogEnds:
            check_seen(await sight_of(session, caller), await session.beacons.get(number))
            return await session.beacons.log_ends(number)

        dropped = (await self._store.read(work)).dropped
        return self._pages(number, after, limit, dropped)

    async def before_last(self, caller: Caller, number: int, count: int) -> int:
        """Return the place after which the last lines are, so many at the most; raises Missing."""
        check_number(number)

        async def work(session: Session) -> int:
            check_seen(await sight_of(session, caller), await session.beacons.get(number))
            return await session.beacons.before_last_lines(number, count)

        return await self._store.read(work)

    async def _pages(
        self, number: int, after: int, limit: int, dropped: int
    ) -> AsyncIterator[Sequence[LogLine]]:
        left = limit
        while left > 0:
            page = await self._page(number, after, min(left, _PAGE))
            if dropped > after:
                at_ms = page[0].at_ms if page else 0
                page = [LogLine(seq=dropped, at_ms=at_ms, line=DROPPED), *page][:left]
            if not page:
                return
            yield page
            left, after = left - len(page), page[-1].seq

    async def _page(self, number: int, after: int, limit: int) -> Sequence[LogLine]:
        return await self._store.read(lambda session: session.beacons.lines(number, after, limit))


def _check(lines: Sequence[NewLine]) -> None:
    if not lines:
        raise Invalid("There are no lines", field="line")
    if len(lines) > MOST_AT_ONCE:
        raise TooLarge(f"At most {MOST_AT_ONCE} lines can be written at once")
    if any(len(each.line) > LONGEST for each in lines):
        raise TooLarge(f"A line may have {LONGEST} characters")


def _placed(lines: Sequence[NewLine], last: int, now_ms: int) -> list[LogLine]:
    placed: list[LogLine] = []
    for each in lines:
        seq = last + 1 if each.seq is None else each.seq
        last = max(last, seq)
        at_ms = now_ms if each.at_ms is None else each.at_ms
        placed.append(LogLine(seq=seq, at_ms=at_ms, line=each.line))
    return placed
