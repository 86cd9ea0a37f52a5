"""Many schedules, of which some are due at one moment: how long until all they make is queued."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import structs

from bench.figures import Figure
from bench.servers import STORES, opened
from drover.app.beacons import assembly as beacons
from drover.app.jobs import assembly as jobs
from drover.app.schedules.definition import JobSchedule, Timing
from drover.engine.loops import Loop
from drover.engine.service import Heart, scheduling
from drover.engine.timing import Timing as EngineTiming
from drover.kinds.resource_job import KIND, ResourceJob
from drover.model.beacon_job import BEACON, TEMPLATE, NewBeaconJob
from drover.model.cron import ClockChange
from drover.model.instants import to_text
from drover.model.run import RESOURCE_JOB, Actor
from drover.ports.schedules import Schedule
from drover.store.blobs import ObjectBlobs
from drover.store.session import SqlStore
from drover.system import RandomIds, SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from drover.ports.store import Session
    from drover.store.driver import Database

ACTIVE: Final = 100_000
DUE: Final = 1_000
OF_ONE_JOB: Final = 10
AHEAD_MS: Final = 3_000
LONGEST_S: Final = 60.0
APPLICATION: Final = "a" * 24
OWNER: Final = Actor(type="user", id="b" * 24)
ZONES: Final = ("UTC", "Europe/Vienna", "America/New_York", "Asia/Tokyo")
_FAR_MS: Final = 86_400_000

_ASLEEP: Final = (
    "kind", "ref", "owner", "application_id", "cron", "tz", "active", "next_due_ms", "detail",
)  # fmt: skip


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the seconds from the moment that is due until the last of its jobs is queued."""
    active = ACTIVE // 10 if quick else ACTIVE
    for store in STORES:
        for kind in (BEACON, RESOURCE_JOB):
            seconds = asyncio.run(_seconds(store, kind, active))
            name = f"{store}: {DUE:,} of {active:,} schedules due together, {kind} queued"
            yield Figure(name, seconds, "s", "<= 2")


async def _seconds(store: str, kind: str, active: int) -> float:
    async with opened(store) as database, _scheduler(database) as heart:
        await _sleeping(database, active - DUE)
        make = _templates if kind == BEACON else _job_schedules
        due_ms = await heart.store.write(lambda session: make(session, RandomIds()))
        heart.signals.schedule.set()
        return await _all_queued(database, kind, due_ms)


@asynccontextmanager
async def _scheduler(database: Database) -> AsyncIterator[Heart]:
    """Run what a process of the role scheduler runs."""
    ids, clock = RandomIds(), SystemClock()
    heart = Heart(SqlStore(database), EngineTiming(), "bench")
    with tempfile.TemporaryDirectory(prefix="drover-bench-") as folder:
        machine = jobs.Machine(
            ids=ids, clock=clock, blobs=ObjectBlobs(folder), report_key=b"k" * 32, public_url=""
        )
        work = jobs.build(heart, machine, jobs.JobLimits())
        actions = {**beacons.actions(ids, heart.signals), **work.schedules.actions}
        runs = work.schedules.runs
        loops = [
            scheduling(heart, actions),
            Loop("scheduled_runs", runs.tick, heart.signals.runs, 5.0),
        ]
        tasks = [asyncio.create_task(loop.run()) for loop in loops]
        yield heart
        for loop in loops:
            loop.stop()
        await asyncio.gather(*tasks, runs.stop())


async def _sleeping(database: Database, count: int) -> None:
    """Store schedules of every minute of a day that are not due before tomorrow."""
    now_ms = await database.now_ms()
    rows = [
        (
            "timer", f"{number:024x}/t", f"{number:024x}", APPLICATION,
            f"{number % 60} {number // 60 % 24} * * *", ZONES[number % len(ZONES)], 1,
            now_ms + _FAR_MS + number % 1440 * 60_000, '{"key":"t"}',
        )
        for number in range(count)
    ]  # fmt: skip
    await database.write(lambda tx: tx.copy_rows("schedule", _ASLEEP, rows))


async def _templates(session: Session, ids: RandomIds) -> int:
    """Store templates that are due in a moment, and return that moment."""
    now_ms = await session.now_ms()
    for number in range(DUE):
        new = NewBeaconJob(
            id=ids.new(), name="bench", owner_id=OWNER.id, user_number=1, user_guid="g",
            kind=TEMPLATE,
        )  # fmt: skip
        template = await session.beacons.add(new, now_ms)
        await session.jobs.schedules.put(
            _due(BEACON, str(template.number), number, now_ms, change=ClockChange.DROPPED)
        )
    return now_ms + AHEAD_MS


async def _job_schedules(session: Session, ids: RandomIds) -> int:
    """Store jobs with schedules that are due in a moment, and return that moment."""
    now_ms = await session.now_ms()
    for start in range(0, DUE, OF_ONE_JOB):
        job_id = ids.new()
        await session.resources.add(KIND, _job(job_id, now_ms))
        for number in range(start, start + OF_ONE_JOB):
            row = _due(RESOURCE_JOB, f"{job_id}/{ids.new()}", number, now_ms)
            kept = JobSchedule(
                timing=Timing(cron=row.cron), author=OWNER, created_ms=now_ms, updated_ms=now_ms
            )
            detail = msgspec.json.encode(kept)
            await session.jobs.schedules.put(structs.replace(row, detail=detail))
    return now_ms + AHEAD_MS


def _job(job_id: str, now_ms: int) -> ResourceJob:
    moment = to_text(now_ms)
    return ResourceJob(
        id=job_id,
        application_id=APPLICATION,
        creation_date=moment,
        last_updated=moment,
        name="bench",
        resource_type="device",
    )


def _due(
    kind: str, ref: str, number: int, now_ms: int, change: ClockChange = ClockChange.MOVED
) -> Schedule:
    return Schedule(
        kind=kind,
        ref=ref,
        application_id=APPLICATION,
        cron=f"{number % 60} * * * *",
        tz=ZONES[number % len(ZONES)],
        change=change,
        makes_up=True,
        next_due_ms=now_ms + AHEAD_MS,
    )


async def _all_queued(database: Database, kind: str, due_ms: int) -> float:
    """Return how long after the moment that was due all that it makes is seen to be queued."""
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        rows: Sequence[object] = await database.read(
            lambda tx: tx.fetch_sql(
                "SELECT 1 FROM execution WHERE kind = :kind AND state = 'queued'", {"kind": kind}
            )
        )
        if len(rows) >= DUE:
            return (await database.now_ms() - due_ms) / 1000
        await asyncio.sleep(0.02)
    raise TimeoutError("what was due has not been queued")
