"""The inventory of all jobs: list, read, take out, cancel and delete, one or by query.

Digi-compatible behaviour, sections 2, 3 and 6. A bulk verb without a query, or with one that
cannot be understood, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.app.access.admit import kept_out, role_by, standings, visible_applications
from drover.app.inventory_cursor import check_place, open_cursor, seal_cursor
from drover.app.inventory_reads import PatientReads
from drover.app.inventory_verbs import VERBS, Outcome, Outcomes, actor_of
from drover.model.access import MemberRole
from drover.model.errors import DroverError, Forbidden, Invalid, Missing
from drover.model.inventory import BULK_CANCEL, BULK_DELETE, BULK_DISCARD, BulkAsked
from drover.ports.inventory import NEWEST_FIRST, Order, Reach, Wanted
from drover.query.digi import parse
from drover.query.digi.fields import field_named
from drover.query.tree import ALL, In, Node, all_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from drover.app.inventory_bulk import BulkOperations
    from drover.app.inventory_verbs import Verb
    from drover.model.access import Caller
    from drover.model.inventory import Inventoried
    from drover.model.run import Execution
    from drover.ports.clock import Clock
    from drover.ports.inventory import InventoryStream
    from drover.ports.store import Session, Store

MOST_PER_PAGE: Final = 1000
MOST_TARGETS: Final = 1000
"""Targets that one job shows."""

BATCH: Final = 1000
"""Jobs that a bulk verb changes at once; more become an operation of its own."""

_LARGEST: Final = 2**63 - 1
_CHANGING: Final = frozenset({MemberRole.ADMIN, MemberRole.EDIT, MemberRole.COLLABORATE})
_DIRECTIONS: Final = {"asc": False, "desc": True}
_ORDER_WORDS: Final = 2
_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list is asked for, as it was written."""

    query: str = ""
    orderby: str = ""
    size: int = MOST_PER_PAGE
    cursor: str = ""
    total: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One page: where it starts, the cursor of the next if there is one, the total if wanted."""

    jobs: Sequence[Inventoried]
    size: int
    start: int
    cursor: str | None
    total: int | None


class JobInventory:
    """The use cases; what touches many jobs becomes an operation of its own, see ``bulk``."""

    def __init__(
        self,
        store: Store,
        rows: InventoryStream,
        clock: Clock,
        bulk: BulkOperations,
        reads: PatientReads | None = None,
    ) -> None:
        self._store = store
        self._reads = reads or PatientReads(store)
        self._rows = rows
        self._clock = clock
        self._bulk = bulk

    # Reading --------------------------------------------------------------------------------------

    async def page(self, caller: Caller, asked: Asked) -> Listed:
        """Return one page; raises Invalid for a query, order or cursor that does not hold.

        Raises Unavailable when the page is not found in time; so do the verbs over a query.
        """
        query, order = self._understood(asked.query), order_of(asked.orderby)
        about = (asked.query, asked.orderby)
        start, after = open_cursor(asked.cursor, about) if asked.cursor else (0, None)
        if after is not None:
            check_place(after, order)
        size = min(asked.size, MOST_PER_PAGE)

        async def work(session: Session) -> Listed:
            reach = await reach_of(session, caller)
            found = await session.inventory.page(Wanted(reach, query, order, size + 1, after))
            jobs = found.jobs[:size]
            cursor = None
            if len(found.jobs) > size:
                cursor = seal_cursor(start + size, found.places[size - 1], about)
            total = await session.inventory.count(reach, query) if asked.total else None
            return Listed(jobs, size, start, cursor, total)

        return await self._reads.read(work)

    async def one(self, caller: Caller, number: int) -> Inventoried:
        """Return one job with its first targets; raises Missing."""
        check_number(number)

        async def work(session: Session) -> Inventoried:
            reach = await reach_of(session, caller)
            return await session.inventory.one(reach, number, MOST_TARGETS)

        return await self._store.read(work)

    async def execution(self, caller: Caller, number: int) -> Execution:
        """Return what is stored of one job; raises Missing."""
        check_number(number)

        async def work(session: Session) -> Execution:
            await session.inventory.one(await reach_of(session, caller), number, 0)
            return await session.jobs.executions.get_number(number)

        return await self._store.read(work)

    async def count_changeable(self, caller: Caller, query: str) -> int:
        """Count the matches that a bulk verb would touch; raises Invalid as the verb would."""
        node = self._named(query, self._clock.now_ms())

        async def work(session: Session) -> int:
            return await session.inventory.count(
                await reach_of(session, caller, changes=True), node
            )

        return await self._reads.read(work)

    async def may_change(self, caller: Caller) -> bool:
        """Tell whether there is any job that the caller's role lets them end."""

        async def work(session: Session) -> bool:
            reach = await reach_of(session, caller, changes=True)
            return bool(await session.inventory.numbers(Wanted(reach, limit=1)))

        return await self._store.read(work)

    async def table(
        self, caller: Caller, asked: Asked, columns: Sequence[str], *, raw: bool
    ) -> AsyncGenerator[str, None]:
        """Return the lines of a table of every match; raises Invalid before the first."""
        query, order = self._understood(asked.query), order_of(asked.orderby)
        reach = await self._store.read(lambda session: reach_of(session, caller))
        return self._rows.lines(Wanted(reach, query, order), columns, raw=raw)

    # Cancelling -----------------------------------------------------------------------------------

    async def cancel(self, caller: Caller, number: int) -> Outcome:
        """Cancel one; raises Missing, Conflict when it has ended otherwise."""
        return _certain(await self.cancel_each(caller, [number]))

    async def cancel_each(self, caller: Caller, numbers: Sequence[int]) -> list[Outcome]:
        """Cancel each; what is absent or has ended otherwise is refused by itself."""
        return await self._each(caller, numbers, VERBS[BULK_CANCEL])

    async def cancel_matching(self, caller: Caller, query: str) -> Outcomes:
        """Cancel every match."""
        return await self._matching(caller, query, BULK_CANCEL)

    # Deleting -------------------------------------------------------------------------------------

    async def delete(self, caller: Caller, number: int) -> Outcome:
        """Delete one; raises Missing, Conflict when it has not ended."""
        return _certain(await self._each(caller, [number], VERBS[BULK_DELETE]))

    async def delete_matching(self, caller: Caller, query: str) -> Outcomes:
        """Delete every match that has ended; the others are refused."""
        return await self._matching(caller, query, BULK_DELETE)

    async def discard_matching(self, caller: Caller, query: str) -> Outcomes:
        """Cancel what has not ended, and delete every match; what still runs, once it stopped."""
        return await self._matching(caller, query, BULK_DISCARD)

    async def purge(self) -> None:
        """Delete what was discarded and has stopped since; safe to run at any time, twice."""
        more = await self._store.read(lambda session: session.inventory.to_purge())
        while more:
            more = await self._store.write(lambda session: session.inventory.purge())

    # How verbs work -------------------------------------------------------------------------------

    async def _each(self, caller: Caller, numbers: Sequence[int], verb: Verb) -> list[Outcome]:
        known = [number for number in dict.fromkeys(numbers) if number <= _LARGEST]

        async def work(session: Session) -> tuple[list[Outcome], set[int]]:
            reach = await reach_of(session, caller, changes=True)
            held = await session.inventory.named(reach, known)
            done = await verb(session, held, actor_of(caller))
            absent = sorted(set(known) - {each.number for each in held})
            seen = await session.inventory.named(await reach_of(session, caller), absent)
            return done, {each.number for each in seen}

        done, seen = await self._store.write(work)
        self._bulk.wake()
        by_number = {each.number: each for each in done}
        return [
            by_number.get(number) or Outcome(number, refused=_unseen(visible=number in seen))
            for number in dict.fromkeys(numbers)
        ]

    async def _matching(self, caller: Caller, query: str, kind: str) -> Outcomes:
        asked_ms = self._clock.now_ms()
        node = self._named(query, asked_ms)
        reach = await self._store.read(lambda session: reach_of(session, caller, changes=True))
        first = Wanted(reach, node, NEWEST_FIRST, BATCH + 1)
        numbers = await self._reads.read(lambda session: session.inventory.numbers(first))
        if len(numbers) > BATCH:
            asked = BulkAsked(
                query=query,
                asked_ms=asked_ms,
                applications=reach.applications,
                account_id=reach.account_id,
            )
            return await self._bulk.run_new(asked, kind, caller)
        chosen = Wanted(reach, all_of([node, In("id", tuple(numbers))]), NEWEST_FIRST, BATCH)

        async def work(session: Session) -> list[Outcome]:
            held = await session.inventory.standings(chosen)
            return await VERBS[kind](session, held, actor_of(caller))

        outcomes = Outcomes()
        outcomes.add(await self._store.write(work))
        self._bulk.wake()
        return outcomes

    def _understood(self, query: str) -> Node:
        return parse(query, self._clock.now_ms()) if query.strip() else ALL

    def _named(self, query: str, asked_ms: int) -> Node:
        """Return the tree of what a bulk verb is to touch; raises Invalid."""
        if not query.strip():
            raise Invalid("query is required: nothing was changed", field="query")
        return parse(query, asked_ms)


async def reach_of(session: Session, caller: Caller, *, changes: bool = False) -> Reach:
    """Return whose jobs a caller sees, or may change."""
    by_role = caller.user_id is not None or caller.role_limit is not None
    if not changes or not by_role or caller.is_administrator:
        seen = await visible_applications(session, caller)
    else:
        found = await standings(session, caller)
        seen = [
            each.owner.application_id
            for each in found
            if role_by(caller, each) in _CHANGING and not kept_out(caller, each)
        ]
    return Reach(None if seen is None else tuple(seen), caller.user_id)


def order_of(text: str) -> Order:
    """Return the order that ``orderby`` asks for; raises Invalid. Blank is newest first."""
    words = text.split()
    if not words:
        return NEWEST_FIRST
    field = field_named(words[0])
    if field is None:
        raise Invalid(f"orderby: unknown field '{words[0][:_SHOWN]}'", field="orderby")
    direction = words[1].lower() if len(words) > 1 else "desc"
    if direction not in _DIRECTIONS or len(words) > _ORDER_WORDS:
        raise Invalid("orderby is one field, then asc or desc", field="orderby")
    return Order(field.name, _DIRECTIONS[direction])


def check_number(number: int) -> None:
    """Raise Missing for a number that no job can have."""
    if number > _LARGEST:
        raise Missing("Job was not found")


def _certain(outcomes: Sequence[Outcome]) -> Outcome:
    if outcomes[0].refused is not None:
        raise outcomes[0].refused
    return outcomes[0]


def _unseen(*, visible: bool) -> DroverError:
    return Forbidden("Your role does not allow this") if visible else Missing("Job was not found")
