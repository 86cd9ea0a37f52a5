"""Beacon jobs as their users see them: create, show, list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import structs

from drover.app.beacons.sights import check_owner, check_seen, sight_of
from drover.app.beacons.timetable import Recurrence  # noqa: TC001 - the type of a field
from drover.engine.rounds import Rounds
from drover.model.beacon_job import TEMPLATE, NewBeaconJob, Terms, check_cancel
from drover.model.errors import Duplicate, Invalid, Missing
from drover.model.run import Actor
from drover.ports.beacons import Sought

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from drover.app.beacons.recent import RecentJobs
    from drover.app.beacons.timetable import Timetable
    from drover.app.beacons.waiting import Waiters
    from drover.engine.signals import Signals
    from drover.model.access import Caller
    from drover.model.accounts import Account
    from drover.model.beacon_job import BeaconJob
    from drover.ports.beacons import Sight
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store
    from drover.query.tree import Node

MOST_AT_ONCE: Final = 1000
"""Jobs that one request may create."""

PAGE: Final = 1000
"""Jobs that are read at a time for a list without a limit."""

_LARGEST: Final = 2**63 - 1

Owner: TypeAlias = tuple[str, int | None, str | None]
"""Whose a job is: the account's id, its number and its guid."""


class WantedJob(Terms, frozen=True, kw_only=True):
    """A job as it is asked for.

    ``queues`` is whether it is to be queued, None where that follows from ``queued_ms``.
    """

    name: str
    user_number: int | None = None
    user_guid: str | None = None
    queues: bool | None = None
    unique_for_ms: int | None = None
    recurrence: Recurrence | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """A job that was asked for; not ``new`` when its unique key belonged to it already.

    ``copy`` is the job that was queued at once beside a template.
    """

    job: BeaconJob
    new: bool = True
    copy: BeaconJob | None = None


class BeaconJobs:
    """The use cases of those who want jobs done."""

    def __init__(
        self,
        store: Store,
        ids: Ids,
        waiters: Waiters,
        timetable: Timetable,
        signals: Signals,
        recent: RecentJobs,
    ) -> None:
        self._store = store
        self._recent = recent
        self._ids = ids
        self._waiters = waiters
        self._timetable = timetable
        self._told = signals.callbacks
        self._stops = signals.stops
        self._plain = Rounds(self._create_plain)

    async def create(self, caller: Caller, wanted: Sequence[WantedJob]) -> list[Created]:
        """Store jobs, all or none; raises Invalid, Forbidden."""
        if len(wanted) > MOST_AT_ONCE:
            raise Invalid(f"At most {MOST_AT_ONCE} jobs can be created at once")

        if self._store.distant and len(wanted) == 1 and _is_plain(wanted[0]):
            created = [Created(await self._plain.ask((caller, wanted[0])))]
        else:
            created = await self._create(caller, wanted)
        for each in created:
            if each.new:
                self._waiters.added(each.copy or each.job)
                await self._recent.added(each.copy or each.job)
        return created

    async def _create(self, caller: Caller, wanted: Sequence[WantedJob]) -> list[Created]:
        keys = [each.unique_key for each in wanted if each.unique_key]

        async def work(session: Session) -> list[Created]:
            if len(keys) > 1:
                await session.beacons.hold_keys(keys)
            now_ms = await session.now_ms()
            return [await self._add(session, caller, each, now_ms) for each in wanted]

        return await self._store.write(work)

    async def _create_plain(self, asked: Sequence[tuple[Caller, WantedJob]]) -> Sequence[BeaconJob]:
        """Store jobs that need nothing looked up, in one trip after one look at the clock."""
        now_ms = await self._store.glance(lambda session: session.now_ms())
        new = [self._newly(caller, each, _itself(caller), now_ms) for caller, each in asked]
        return await self._store.write_one(lambda session: session.beacons.add_all(new, now_ms))

    async def show(self, caller: Caller, number: int) -> BeaconJob:
        """Return one; raises Missing."""
        check_number(number)

        async def work(session: Session) -> BeaconJob:
            return check_seen(await sight_of(session, caller), await session.beacons.get(number))

        return await self._store.glance(work)

    async def cancel(self, caller: Caller, number: int) -> BeaconJob:
        """Cancel one: at once when nobody has it, else its worker is asked to stop.

        Raises Missing, and JobConflict for one that has ended otherwise.
        """
        check_number(number)

        async def work(session: Session) -> BeaconJob:
            sight = await sight_of(session, caller)
            job = check_seen(sight, await session.beacons.hold(number))
            if not check_cancel(job):
                return job
            actor = Actor(type=caller.type, id=caller.id)
            await session.inventory.cancel([number], actor, await session.now_ms())
            return await session.beacons.get(number)

        job = await self._store.write(work)
        self._stops.set()
        if job.callback_url is not None:
            self._told.set()
        return job

    async def count(self, caller: Caller, sought: Wanted) -> int:
        """Count the jobs that a list shows."""

        async def work(session: Session) -> int:
            return await session.beacons.count(sought.seen_by(await sight_of(session, caller)))

        return await self._store.read(work)

    async def pages(
        self, caller: Caller, sought: Wanted, *, offset: int, limit: int | None
    ) -> AsyncIterator[Sequence[BeaconJob]]:
        """Yield jobs by number, some at a time, so that memory stays flat."""
        after, left = 0, limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            jobs = await self._page(caller, sought, (after, offset, size))
            if jobs:
                yield jobs
            if len(jobs) < size:
                return
            after, offset = jobs[-1].number, 0
            left = None if left is None else left - len(jobs)

    async def _page(
        self, caller: Caller, sought: Wanted, where: tuple[int, int, int]
    ) -> Sequence[BeaconJob]:
        after, offset, limit = where

        async def work(session: Session) -> Sequence[BeaconJob]:
            seen = sought.seen_by(await sight_of(session, caller))
            return await session.beacons.page(seen, after=after, offset=offset, limit=limit)

        return await self._store.read(work)

    async def _add(
        self, session: Session, caller: Caller, wanted: WantedJob, now_ms: int
    ) -> Created:
        new = await self._new(session, caller, wanted, now_ms)
        if new.unique_in is None or new.unique_key is None:
            return await self._added(session, new, wanted, now_ms)
        await session.beacons.free_key(new.unique_in, new.unique_key, now_ms)
        try:
            return await self._added(session, new, wanted, now_ms)
        except Duplicate:
            holder = await session.beacons.by_unique_key(new.unique_in, new.unique_key)
            if holder is None:
                raise
            return Created(holder, new=False)

    async def _added(
        self, session: Session, new: NewBeaconJob, wanted: WantedJob, now_ms: int
    ) -> Created:
        """Store a job, or a template and beside it one ordinary job where that is asked for too.

        Raises Duplicate.
        """
        if wanted.recurrence is None:
            return Created(await session.beacons.add(new, now_ms))
        template = await session.beacons.add(
            structs.replace(new, kind=TEMPLATE, queued_ms=None), now_ms
        )
        plain = structs.replace(new, unique_in=None, unique_key=None, unique_until_ms=None)
        schedule = self._timetable.schedule(template.number, wanted.recurrence, now_ms)
        await session.jobs.schedules.put(schedule)
        copy = None
        if wanted.queues:
            copy = await session.beacons.add(
                structs.replace(
                    plain,
                    id=self._ids.new(),
                    queued_ms=now_ms,
                    duplicate_of=template.number,
                ),
                now_ms,
            )
        return Created(await session.beacons.get(template.number), copy=copy)

    async def _new(
        self, session: Session, caller: Caller, wanted: WantedJob, now_ms: int
    ) -> NewBeaconJob:
        owner = await _owner(session, caller, wanted)
        if wanted.duplicate_of is not None:
            await _check_original(session, caller, wanted.duplicate_of)
        return self._newly(caller, wanted, owner, now_ms)

    def _newly(self, caller: Caller, wanted: WantedJob, owner: Owner, now_ms: int) -> NewBeaconJob:
        has_key = wanted.unique_key is not None
        lasts = has_key and wanted.unique_for_ms is not None
        return NewBeaconJob(
            **{**wanted.terms(), "queued_ms": queued_ms(wanted, now_ms)},
            id=self._ids.new(),
            name=wanted.name,
            owner_id=owner[0],
            user_number=owner[1],
            user_guid=owner[2],
            unique_in=owner[0] if has_key else None,
            unique_until_ms=now_ms + (wanted.unique_for_ms or 0) if lasts else None,
            source_type=caller.type,
            source_id=caller.id,
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs a list is to show, of those in sight."""

    query: Node
    documents: Mapping[str, str]
    templates: bool = False

    def seen_by(self, sight: Sight) -> Sought:
        """Return it limited to what is in sight."""
        return Sought(sight, self.query, self.documents, self.templates)


def queued_ms(wanted: WantedJob, now_ms: int) -> int | None:
    """Return from when on the job may be taken; None when it is not queued."""
    if wanted.queues is None or wanted.queued_ms is None:
        return wanted.queued_ms if not wanted.queues else now_ms
    return wanted.queued_ms if wanted.queues else None


def check_number(number: int) -> None:
    """Raise Missing for a number that no job can have."""
    if not 0 < number <= _LARGEST:
        raise Missing("Job was not found")


async def _check_original(session: Session, caller: Caller, number: int) -> None:
    try:
        check_seen(await sight_of(session, caller), await session.beacons.get(number))
    except Missing as error:
        raise Invalid("duplicate_of names no job", field="duplicate_of") from error


def _is_plain(wanted: WantedJob) -> bool:
    """Tell whether a job is stored without looking anything up."""
    looked_up = (
        wanted.user_number,
        wanted.user_guid,
        wanted.duplicate_of,
        wanted.unique_key,
        wanted.recurrence,
    )
    return all(each is None for each in looked_up)


def _itself(caller: Caller) -> Owner:
    return caller.user_id or "", caller.number, caller.guid


async def _owner(session: Session, caller: Caller, wanted: WantedJob) -> Owner:
    if wanted.user_number is None and wanted.user_guid is None:
        return _itself(caller)
    check_owner(caller, itself=_is_own(caller, wanted))  # whether there is another is not told
    account = await _account(session, wanted)
    sight = await sight_of(session, caller)
    if account.id != caller.user_id and not sight.covers(account.id):
        raise _unknown(wanted)
    return account.id, account.number, account.guid


def _is_own(caller: Caller, wanted: WantedJob) -> bool:
    if wanted.user_number is not None:
        return wanted.user_number == caller.number
    return wanted.user_guid == caller.guid


async def _account(session: Session, wanted: WantedJob) -> Account:
    for account in await session.access.accounts.all():
        if wanted.user_number is not None:
            if account.number == wanted.user_number:
                return account
        elif account.guid == wanted.user_guid:
            return account
    raise _unknown(wanted)


def _unknown(wanted: WantedJob) -> Invalid:
    name = "user_id" if wanted.user_number is not None else "user_guid"
    return Invalid(f"{name} names no user", field=name)
