"""What every store promises of schedules."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import structs

from drover.model.cron import ClockChange
from drover.model.errors import Missing
from drover.model.schedule import Turn
from drover.ports.schedules import DueRun, Schedule
from drover.store.session import StoreSession
from tests.contract.jobs_store import APPLICATION, NOW, Bench, device_id

SCHEDULE = Schedule(
    kind="timer",
    ref="f/a",
    application_id=APPLICATION,
    cron="* * * * *",
    tz="Europe/Vienna",
    change=ClockChange.DROPPED,
    starts_ms=NOW - 5,
    ends_ms=NOW + 5,
    next_due_ms=NOW,
    makes_up=True,
    detail=b'{"a":1}',
)


@pytest.fixture
def bench(database):
    return Bench(database)


async def put(bench, *schedules):
    for each in schedules:
        await bench.jobs(lambda jobs, each=each: jobs.schedules.put(each))


async def of(bench, kind, owner):
    return await bench.jobs(lambda jobs: jobs.schedules.of(kind, owner))


async def due(bench, now_ms=NOW, limit=10):
    return await bench.jobs(lambda jobs: jobs.schedules.due(now_ms, limit))


async def test_a_schedule_is_kept_as_it_is_and_replaced_by_the_next_of_its_name(bench):
    changed = structs.replace(SCHEDULE, cron=None, seconds=2.5, change=ClockChange.MOVED)
    await put(bench, SCHEDULE)
    before = await of(bench, "timer", "f")

    await put(bench, changed)

    assert before == [SCHEDULE]
    assert await of(bench, "timer", "f") == [changed]


async def test_an_owner_is_a_whole_ref_or_what_stands_before_its_slash(bench):
    mine = [structs.replace(SCHEDULE, ref=ref) for ref in ("41", "41/a", "41/b")]
    others = [structs.replace(SCHEDULE, ref=ref) for ref in ("410", "4", "42/41")]
    await put(bench, *mine, *others, structs.replace(SCHEDULE, kind="other", ref="41"))

    found = await of(bench, "timer", "41")
    await bench.jobs(lambda jobs: jobs.schedules.remove("timer", "41"))

    assert found == mine
    assert await of(bench, "timer", "41") == []
    assert len(await due(bench)) == 4


async def test_what_is_due_is_found_longest_due_first_but_not_what_rests(bench):
    later, sooner = (
        structs.replace(SCHEDULE, ref=ref, next_due_ms=NOW + ms)
        for ref, ms in (("l", 1), ("s", -1))
    )
    idle = structs.replace(SCHEDULE, ref="i", active=False)
    over = structs.replace(SCHEDULE, ref="o", next_due_ms=None)
    await put(bench, later, SCHEDULE, sooner, idle, over)

    assert await due(bench) == [sooner, SCHEDULE]
    assert await due(bench, limit=1) == [sooner]
    assert await bench.jobs(lambda jobs: jobs.schedules.next_ms()) == NOW - 1


async def test_a_schedule_is_moved_on_once_from_each_moment(bench):
    await put(bench, SCHEDULE)

    for run_ms in (NOW, NOW + 7):
        turn = (SCHEDULE, Turn(run_ms, NOW + 60_000))
        await bench.jobs(lambda jobs, turn=turn: jobs.schedules.advance([turn]))

    (moved,) = await of(bench, "timer", "f")
    assert (moved.last_due_ms, moved.next_due_ms, moved.active) == (NOW, NOW + 60_000, True)


async def test_a_schedule_that_is_passed_over_keeps_its_last_run_and_without_more_it_ends(bench):
    kept = structs.replace(SCHEDULE, last_due_ms=NOW - 9)
    await put(bench, kept)

    await bench.jobs(lambda jobs: jobs.schedules.advance([(kept, Turn(None, None))]))

    (over,) = await of(bench, "timer", "f")
    assert (over.last_due_ms, over.next_due_ms, over.active) == (NOW - 9, None, False)
    assert await bench.jobs(lambda jobs: jobs.schedules.next_ms()) is None


async def test_servers_that_look_at_once_share_what_is_due(bench):
    await put(bench, *(structs.replace(SCHEDULE, ref=f"f/{each:03}") for each in range(60)))

    async def take(session):
        found = await session.jobs.schedules.due(NOW, 25)
        await session.jobs.schedules.advance([(each, Turn(NOW, NOW + 1)) for each in found])
        return found

    taken = await asyncio.gather(*(bench.store.write(take) for _ in range(6)))

    refs = [each.ref for some in taken for each in some]
    assert len(refs) == len(set(refs)) <= 60


async def test_the_schedules_of_an_application_go_with_it(bench):
    other = structs.replace(SCHEDULE, ref="g", application_id="b" * 24)
    await put(bench, SCHEDULE, other)

    await bench.store.write(lambda session: session.resources.close(APPLICATION))

    assert await due(bench) == [other]


async def test_one_is_found_held_and_forgotten_by_its_name(bench):
    other = structs.replace(SCHEDULE, ref="f/b")
    await put(bench, SCHEDULE, other)

    found = await bench.jobs(lambda jobs: jobs.schedules.get("timer", "f/a"))
    held = await bench.jobs(lambda jobs: jobs.schedules.hold("timer", "f/a"))
    named = await bench.jobs(lambda jobs: jobs.schedules.named("timer", ["f/b", "no", "f/b"]))
    gone = [await bench.jobs(lambda jobs: jobs.schedules.remove_one("timer", "f/a")) for _ in "12"]

    assert found == held == SCHEDULE
    assert named == {"f/b": other}
    assert gone == [True, False]
    for read in ("get", "hold"):
        with pytest.raises(Missing):
            await bench.jobs(lambda jobs, read=read: getattr(jobs.schedules, read)("timer", "f/a"))


async def test_what_came_of_the_last_run_stays_when_a_schedule_is_stored_anew(bench):
    await put(bench, SCHEDULE)
    await bench.jobs(lambda jobs: jobs.schedules.note("timer", {"f/a": b'{"x":1}'}))

    await put(bench, SCHEDULE)

    (stored,) = await of(bench, "timer", "f")
    assert stored == structs.replace(SCHEDULE, outcome=b'{"x":1}')


async def test_values_in_use_are_those_of_devices_that_are_there(bench):
    await bench.add_devices(3)
    tags = [(1, "tz", "UTC"), (2, "tz", "Asia/Tokyo"), (3, "tz", "Asia/Seoul"), (1, "other", "CET")]
    rows = [(APPLICATION, device_id(number), key, value) for number, key, value in tags]
    columns = ("application_id", "device_id", "key", "value")
    await bench.database.write(lambda tx: tx.copy_rows("device_tag", columns, rows))
    await bench.database.write(
        lambda tx: tx.execute(
            "device_remove",
            {"application_id": APPLICATION, "id": device_id(3), "deleted_ms": 1, "member": "}"},
        )
    )
    wanted = ["CET", "UTC", "Asia/Seoul", "Asia/Tokyo", "EST"]

    found = await bench.jobs(lambda jobs: jobs.schedules.values_in_use(APPLICATION, "tz", wanted))
    others = await bench.jobs(lambda jobs: jobs.schedules.values_in_use("b" * 24, "tz", wanted))

    assert sorted(found) == ["Asia/Tokyo", "UTC"]
    assert others == []


RUN = DueRun(ref="j/s", zone="", due_ms=NOW)


async def test_a_due_run_is_taken_by_one_and_forgotten_once(bench):
    await bench.jobs(lambda jobs: jobs.due_runs.add([RUN, RUN], NOW))
    early = await bench.jobs(lambda jobs: jobs.due_runs.lease(10, NOW - 1, NOW + 99))
    (taken,) = await bench.jobs(lambda jobs: jobs.due_runs.lease(10, NOW, NOW + 100))
    none = await bench.jobs(lambda jobs: jobs.due_runs.lease(10, NOW + 99, NOW + 200))

    done = [await bench.jobs(lambda jobs: jobs.due_runs.done([taken])) for _ in "12"]

    assert early == none == []
    assert taken == structs.replace(RUN, try_ms=NOW + 100, tries=1)
    assert done == [{taken}, set()]
    assert await bench.jobs(lambda jobs: jobs.due_runs.next_ms()) is None


async def test_a_due_run_that_is_not_done_comes_back_and_is_done_by_its_last_taker(bench):
    await bench.jobs(lambda jobs: jobs.due_runs.add([RUN], NOW))
    (first,) = await bench.jobs(lambda jobs: jobs.due_runs.lease(10, NOW, NOW + 100))
    (second,) = await bench.jobs(lambda jobs: jobs.due_runs.lease(10, NOW + 100, NOW + 200))

    late = await bench.jobs(lambda jobs: jobs.due_runs.done([first]))
    await bench.jobs(lambda jobs: jobs.due_runs.put_off([first], NOW + 900))
    await bench.jobs(lambda jobs: jobs.due_runs.put_off([second], NOW + 300))
    again = await bench.jobs(lambda jobs: jobs.due_runs.lease(10, NOW + 300, NOW + 400))

    assert late == set()
    assert second.tries == 2
    assert [each.tries for each in again] == [1]


async def test_due_runs_are_shared_between_servers_that_look_at_once(bench):
    many = [structs.replace(RUN, ref=f"j/{each}") for each in range(40)]
    await bench.jobs(lambda jobs: jobs.due_runs.add(many, NOW))

    taken = await asyncio.gather(
        *(
            bench.jobs(lambda jobs, until=until: jobs.due_runs.lease(15, NOW, NOW + until))
            for until in range(1, 6)
        )
    )

    refs = [run.ref for some in taken for run in some]
    assert len(refs) == len(set(refs))


async def test_a_scheduler_that_freezes_holds_what_is_due_for_seconds_only(bench, database):
    await put(bench, SCHEDULE)

    async def work(tx):
        found = await StoreSession(tx).jobs.schedules.due(NOW, 10)
        if tx.dialect == "sqlite":  # a file is one server's own
            return len(found), "10s"
        [row] = await tx.fetch_sql("SHOW idle_in_transaction_session_timeout")
        return len(found), row[0]

    assert await database.write(work) == (1, "10s")
