"""What the job tables promise about whole executions and firings, on each database."""

import pytest

from drover.model.errors import Duplicate, Missing
from drover.model.execution import MOVES, State
from drover.model.run import RESOURCE_JOB, Actor, Change
from drover.ports.jobs import Firing
from tests.contract.jobs_store import APPLICATION, JOB, NOW, Bench, device_id


@pytest.fixture
def bench(database):
    return Bench(database)


async def test_an_execution_is_read_back_as_it_was_stored(bench):
    source = Actor(type="user", id="c" * 24)

    stored = await bench.add(detail=b'{"a":1}', source=source, timeout_ms=500, priority=3)

    assert stored == await bench.get(stored.number)
    assert stored == await bench.jobs(lambda jobs: jobs.executions.get(stored.id))
    assert (stored.state, stored.detail, stored.source) == (State.QUEUED, b'{"a":1}', source)
    assert (stored.requested_ms, stored.deadline_ms) == (NOW, NOW + 500)


@pytest.mark.parametrize("absent", ["f" * 24, "0" * 24])
async def test_an_absent_execution_is_missing(bench, absent):
    with pytest.raises(Missing):
        await bench.jobs(lambda jobs: jobs.executions.get(absent))
    with pytest.raises(Missing):
        await bench.jobs(lambda jobs: jobs.executions.get_number(99))


async def test_a_unique_key_is_taken_once_in_a_job(bench):
    first = await bench.add(unique_key="k")
    await bench.add(unique_key="k", job_id="d" * 24)

    with pytest.raises(Duplicate):
        await bench.add(unique_key="k")

    found = await bench.jobs(lambda jobs: jobs.executions.by_unique_key(JOB, "k"))
    assert found == first
    assert await bench.jobs(lambda jobs: jobs.executions.by_unique_key(JOB, "x")) is None


async def test_executions_of_a_job_come_newest_first_and_are_counted_while_open(bench):
    numbers = [(await bench.add()).number for _ in range(3)]
    await bench.move(numbers[0], Change(goal=State.CANCELED))

    page = await bench.jobs(lambda jobs: jobs.executions.of_job(JOB, limit=2))
    rest = await bench.jobs(lambda jobs: jobs.executions.of_job(JOB, limit=2, offset=2))
    later = await bench.jobs(lambda jobs: jobs.executions.of_job(JOB, limit=2, since_ms=NOW + 1))

    assert await bench.jobs(lambda jobs: jobs.executions.count_open(JOB)) == 2
    assert [each.number for each in page] == [numbers[2], numbers[1]]
    assert [each.number for each in rest] == [numbers[0]]
    assert later == []


@pytest.mark.parametrize("start", list(State))
async def test_only_the_moves_of_the_table_are_made(bench, start):
    for goal in State:
        execution = await bench.add(state=State.NEW)
        await bench.database.write(
            lambda tx, e=execution: tx.execute_sql(
                "UPDATE execution SET state = CAST(:state AS TEXT), completed_ms = :done"
                " WHERE number = :number",
                {"state": start.value, "done": 1 if start.is_final else None, "number": e.number},
            )
        )
        if goal.is_final:
            moved = await bench.jobs(
                lambda jobs, e=execution, g=goal: jobs.plans.close(e.number, Change(goal=g), NOW)
            )
        else:
            moved = await bench.move(execution.number, Change(goal=goal))
        assert (moved is not None) == (goal in MOVES[start]), goal


async def test_a_move_tells_why(bench):
    execution = await bench.add()

    failing = await bench.move(execution.number, Change(goal=State.FAILING, error="no table"))

    assert failing.error == "no table"
    assert not failing.cancel_requested


async def test_a_plan_is_claimed_by_one_until_its_lease_ends(bench):
    execution = await bench.add()
    await bench.add(due_ms=NOW + 10_000)

    def claim(worker, now):
        return bench.jobs(lambda jobs: jobs.plans.claim(RESOURCE_JOB, worker, now, now + 1000))

    first = await claim("a", NOW)
    second = await claim("b", NOW + 1000)
    third = await claim("b", NOW + 1001)

    assert (first.number, first.tries) == (execution.number, 1)
    assert second is None
    assert (third.number, third.tries, third.worker) == (execution.number, 2, "b")


async def test_one_paused_while_it_was_planned_is_planned_again_at_once_when_resumed(bench):
    execution = await bench.add()
    claim = ("w", NOW, NOW + 30_000)
    await bench.jobs(lambda jobs: jobs.plans.claim(RESOURCE_JOB, *claim))

    await bench.move(execution.number, Change(goal=State.PAUSED))
    await bench.move(execution.number, Change(goal=State.QUEUED))
    again = await bench.jobs(lambda jobs: jobs.plans.claim(RESOURCE_JOB, *claim))

    assert again.number == execution.number


async def test_overdue_are_those_past_their_deadline_or_paused_for_too_long(bench):
    late = await bench.add(timeout_ms=100)
    paused = await bench.add()
    await bench.add()
    await bench.jobs(
        lambda jobs: jobs.executions.move(
            paused.number, Change(goal=State.PAUSED), paused_until_ms=NOW + 50
        )
    )

    early = await bench.jobs(lambda jobs: jobs.plans.overdue(NOW + 49))
    overdue = await bench.jobs(lambda jobs: jobs.plans.overdue(NOW + 100))

    assert early == []
    assert [each.number for each in overdue] == [late.number, paused.number]


async def test_forgetting_a_job_keeps_what_still_runs(bench):
    running = await bench.begin(2)
    ended = await bench.add()
    await bench.jobs(lambda jobs: jobs.plans.close(ended.number, Change(goal=State.CANCELED), NOW))

    forgotten = await bench.jobs(lambda jobs: jobs.executions.forget(JOB))

    assert forgotten == 1
    assert len(await bench.items(running.number)) == 2
    with pytest.raises(Missing):
        await bench.get(ended.number)


async def test_one_item_can_be_read(bench):
    execution = await bench.begin(1)

    item = await bench.jobs(lambda jobs: jobs.items.get(execution.number, device_id(1)))

    assert item.resource_name == "device 1"
    with pytest.raises(Missing):
        await bench.jobs(lambda jobs: jobs.items.get(execution.number, device_id(2)))


def firing(**changes):
    return Firing(**{"application_id": APPLICATION, "trigger_type": "event", "key": "k", **changes})


async def test_firings_are_leased_in_order_and_come_back_unless_done(bench):
    await bench.jobs(lambda jobs: jobs.firings.add([firing(), firing(due_ms=NOW + 500)], NOW))
    await bench.jobs(lambda jobs: jobs.firings.add([], NOW))

    first = await bench.jobs(lambda jobs: jobs.firings.lease(10, NOW, NOW + 100))
    none = await bench.jobs(lambda jobs: jobs.firings.lease(10, NOW + 99, NOW + 200))
    again = await bench.jobs(lambda jobs: jobs.firings.lease(10, NOW + 100, NOW + 200))
    await bench.jobs(lambda jobs: jobs.firings.renew([again[0].number], NOW + 200, NOW + 300))
    stale = [again[0].number]
    await bench.jobs(lambda jobs: jobs.firings.done(stale, NOW + 200))
    kept = await bench.jobs(lambda jobs: jobs.firings.next_ms())
    await bench.jobs(lambda jobs: jobs.firings.done(stale, NOW + 300))
    left = await bench.jobs(lambda jobs: jobs.firings.next_ms())

    assert [each.tries for each in (*first, *again)] == [1, 2]
    assert none == []
    assert (kept, left) == (NOW + 300, NOW + 500)


async def test_firings_that_were_released_come_before_those_that_were_stored_later(bench):
    await bench.jobs(lambda jobs: jobs.firings.add([firing(key="first")], NOW))
    await bench.jobs(lambda jobs: jobs.firings.lease(10, NOW, NOW + 500))
    later = [firing(key="second"), firing(key="not yet", due_ms=NOW + 900)]
    await bench.jobs(lambda jobs: jobs.firings.add(later, NOW + 1))

    await bench.jobs(lambda jobs: jobs.firings.release())
    found = [
        await bench.jobs(lambda jobs: jobs.firings.lease(1, NOW + 1, NOW + 600)) for _ in range(3)
    ]

    assert [[each.firing.key for each in some] for some in found] == [["first"], ["second"], []]


async def test_a_run_id_names_one_firing(bench):
    later = firing(run_id="r", due_ms=NOW + 900)
    await bench.jobs(lambda jobs: jobs.firings.add([firing(run_id="r"), later], NOW))

    due = await bench.jobs(lambda jobs: jobs.firings.lease(10, NOW, NOW + 1))
    waits = await bench.jobs(lambda jobs: jobs.firings.waits(APPLICATION, "r"))
    cancelled = await bench.jobs(lambda jobs: jobs.firings.cancel(APPLICATION, "r"))
    twice = await bench.jobs(lambda jobs: jobs.firings.cancel(APPLICATION, "r"))

    assert due == []
    assert (waits, cancelled, twice) == (True, True, False)
    assert not await bench.jobs(lambda jobs: jobs.firings.waits(APPLICATION, "r"))


async def test_a_firing_is_from_the_moment_it_was_due_at_first_however_often_it_is_taken(bench):
    first, later = firing(run_id="r", due_ms=NOW + 300), firing(run_id="r", due_ms=NOW + 400)
    await bench.jobs(lambda jobs: jobs.firings.add([firing(), first, later], NOW))

    once = await bench.jobs(lambda jobs: jobs.firings.lease(10, NOW + 500, NOW + 600))
    again = await bench.jobs(lambda jobs: jobs.firings.lease(10, NOW + 700, NOW + 800))

    assert [each.fired_ms for each in once] == [NOW, NOW + 400]
    assert [each.fired_ms for each in again] == [NOW, NOW + 400]


async def test_what_matches_now_is_counted_and_sampled(bench):
    from drover.model.run import Target
    from drover.query.tree import All

    await bench.add_devices(5)
    target = Target(resource_type="device")

    count, sample = await bench.jobs(
        lambda jobs: jobs.iterations.matching(APPLICATION, target, All(), 2)
    )

    assert (count, sample) == (5, [b'{"n":1}', b'{"n":2}'])


@pytest.mark.parametrize(
    ("resource_type", "table"),
    [("dataTableRow", "t" * 24), ("experienceUser", None), ("experienceGroup", None)],
)
async def test_a_job_may_run_over_every_type_of_resource(bench, resource_type, table):
    from drover.model.run import Target
    from drover.query.tree import All

    target = Target(resource_type=resource_type, data_table_id=table)
    execution = await bench.add()

    async def work(jobs):
        last = await jobs.iterations.snapshot(execution, target, All(), "", 10)
        return last, await jobs.iterations.resources(resource_type, ["a" * 24])

    assert await bench.jobs(work) == (None, {})
