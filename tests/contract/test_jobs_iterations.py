"""What the job tables promise about items, on each database."""

import pytest

from drover.model.execution import State
from drover.model.iteration import ItemState
from drover.model.run import Actor, Change, Pace
from drover.ports.jobs import Refusal
from tests.contract.jobs_store import NOW, Bench, counts, device_id


@pytest.fixture
def bench(database):
    return Bench(database)


async def test_a_snapshot_in_chunks_takes_every_matching_resource_once(bench):
    await bench.add_devices(5)
    await bench.add_devices(0)
    execution = await bench.add()

    first = await bench.snapshot(execution, limit=3)
    again = await bench.snapshot(execution, limit=3)
    second = await bench.snapshot(execution, limit=3, after=first)
    third = await bench.snapshot(execution, limit=3, after=second)

    assert (first, again, second, third) == (device_id(3), device_id(3), device_id(5), None)
    begun = await bench.jobs(lambda jobs: jobs.plans.begin(execution.number, NOW))
    assert begun.total == 5
    assert begun.state is State.RUNNING
    items = await bench.items(execution.number)
    assert [item.resource_name for item in items] == [f"device {n}" for n in range(1, 6)]


async def test_claims_take_items_in_order_and_never_more_than_the_concurrency(bench):
    execution = await bench.begin(25, pace=Pace(concurrency=10))

    first = await bench.claim(execution.number, 4)
    second = await bench.claim(execution.number, 100)
    none_left = await bench.claim(execution.number, 100)

    assert [item.resource_id for item in await bench.documents(first)] == [
        device_id(n) for n in range(1, 5)
    ]
    assert second.lease.size == 6
    assert second.lease.fence > first.lease.fence
    assert none_left is None
    assert counts(second.execution) == {"total": 25, "in_flight": 10}
    assert (await bench.documents(second))[0].document == b'{"n":5}'


async def test_a_delay_lets_one_item_begin_at_a_time(bench):
    execution = await bench.begin(5, pace=Pace(concurrency=10, delay_ms=500))

    first = await bench.claim(execution.number)
    too_early = await bench.claim(execution.number, now=NOW + 499)
    second = await bench.claim(execution.number, now=NOW + 500)

    assert first.lease.size == second.lease.size == 1
    assert too_early is None


async def test_acknowledgements_settle_items_and_counts_and_free_the_lease(bench):
    execution = await bench.begin(4)
    claim = await bench.claim(execution.number)
    number = execution.number

    done = await bench.settle(
        number,
        (device_id(1), True, "fine"),
        (device_id(2), False, "broken"),
        lease=claim.lease,
    )
    rest = await bench.settle(
        number,
        (device_id(3), True),
        (device_id(4), True),
        lease=claim.lease,
        unsettled=done.unsettled,
    )

    assert counts(done.execution) == {"total": 4, "in_flight": 2, "succeeded": 1, "failed": 1}
    assert (done.unsettled, rest.unsettled) == (2, 0)
    assert done.moved == {device_id(1): ItemState.SUCCEEDED, device_id(2): ItemState.FAILED}
    assert not await bench.end_lease(claim)
    items = await bench.items(number)
    assert [item.message for item in items] == ["fine", "broken", None, None]
    assert [item.attempt for item in items] == [1, 1, 1, 1]
    assert all(item.started_ms == NOW and item.completed_ms for item in items)
    closable = await bench.jobs(lambda jobs: jobs.plans.closable(10))
    assert [each.number for each in closable] == [number]


async def test_the_first_acknowledgement_wins(bench):
    execution = await bench.begin(1)
    claim = await bench.claim(execution.number)
    await bench.settle(execution.number, (device_id(1), True, "first"), lease=claim.lease)

    second = await bench.settle(execution.number, (device_id(1), False, "second"))

    assert second.moved == {}
    assert second.refused == {device_id(1): Refusal.ENDED}
    assert counts(second.execution) == {"total": 1, "succeeded": 1}
    assert (await bench.items(execution.number))[0].message == "first"


async def test_an_item_whose_turn_has_not_come_cannot_be_acknowledged(bench):
    execution = await bench.begin(2, pace=Pace(concurrency=1))
    await bench.claim(execution.number)

    early = await bench.settle(execution.number, (device_id(2), True), ("f" * 24, True))

    assert early.refused == {device_id(2): Refusal.UNKNOWN, "f" * 24: Refusal.UNKNOWN}
    assert counts(early.execution) == {"total": 2, "in_flight": 1}


async def test_items_not_acknowledged_when_their_chunk_ends_await_their_deadline(bench):
    execution = await bench.begin(2, pace=Pace(concurrency=10, timeout_ms=60_000))
    number = execution.number
    claim = await bench.claim(number)
    assert await bench.end_lease(claim)

    due_before = await bench.jobs(lambda jobs: jobs.deadlines.due(NOW + 59_999))
    due = await bench.jobs(lambda jobs: jobs.deadlines.due(NOW + 60_000))
    late = await bench.settle(number, (device_id(1), True))
    timed_out = await bench.time_out(number, NOW + 60_000)

    assert (due_before, due) == ([], [number])
    assert late.moved == {device_id(1): ItemState.SUCCEEDED}
    assert [(each.resource_id, each.attempt, each.again) for each in timed_out] == [
        (device_id(2), 1, False)
    ]
    assert counts(await bench.get(number)) == {"total": 2, "succeeded": 1, "timed_out": 1}


async def test_items_that_run_past_their_timeout_get_their_deadline_while_the_lease_lives(bench):
    execution = await bench.begin(2, pace=Pace(concurrency=10, timeout_ms=1000))
    number = execution.number
    claim = await bench.claim(number)

    exposed = await bench.jobs(lambda jobs: jobs.deadlines.expose(NOW + 1000))
    exposed_again = await bench.jobs(lambda jobs: jobs.deadlines.expose(NOW + 1000))
    timed_out = await bench.time_out(number, NOW + 1000, limit=1)
    settled = await bench.settle(
        number, (device_id(1), True), (device_id(2), True), lease=claim.lease
    )

    assert (exposed, exposed_again) == (1, 0)
    assert len(timed_out) == 1
    assert settled.refused == {timed_out[0].resource_id: Refusal.ENDED}
    assert counts(settled.execution) == {"total": 2, "succeeded": 1, "timed_out": 1}


async def test_whatever_runs_of_an_execution_is_cut_short_and_of_no_other(bench):
    pace = Pace(concurrency=2, timeout_ms=60_000)
    execution = await bench.begin(3, pace=pace)
    other = await bench.add(pace=pace)
    await bench.snapshot(other)
    await bench.jobs(lambda jobs: jobs.plans.begin(other.number, NOW))
    awaiting = await bench.claim(execution.number, 1)
    await bench.end_lease(awaiting)
    running = await bench.claim(execution.number, 1)
    await bench.claim(other.number)

    await bench.jobs(lambda jobs: jobs.deadlines.cut_short(execution.number, NOW + 10))
    exposed = await bench.jobs(lambda jobs: jobs.deadlines.expose(NOW + 10))
    due = await bench.jobs(lambda jobs: jobs.deadlines.due(NOW + 10))
    timed_out = await bench.time_out(execution.number, NOW + 10)
    late = await bench.settle(execution.number, (device_id(2), True), lease=running.lease)

    assert (exposed, due) == (1, [execution.number])
    assert [each.resource_id for each in timed_out] == [device_id(1), device_id(2)]
    assert late.refused == {device_id(2): Refusal.ENDED}
    assert counts(await bench.get(execution.number)) == {"total": 3, "timed_out": 2}


async def test_failures_are_tried_again_until_the_retries_are_used_up(bench):
    pace = Pace(concurrency=10, retry_on_failure=True, max_retries=1, retry_delay_ms=5000)
    execution = await bench.begin(1, pace=pace)
    number = execution.number
    claim = await bench.claim(number)

    first = await bench.settle(number, (device_id(1), False, "no"), lease=claim.lease)
    ready = first.now_ms + 5000
    early = await bench.claim(number, now=ready - 1)
    again = await bench.claim(number, now=ready)
    last = await bench.settle(number, (device_id(1), False, "no!"), lease=again.lease)

    assert counts(first.execution) == {"total": 1, "waiting": 1}
    assert early is None
    assert [(item.attempt, item.retries) for item in again.items] == [(2, 1)]
    assert last.moved == {device_id(1): ItemState.FAILED}
    assert counts(last.execution) == {"total": 1, "failed": 1}
    assert (await bench.items(number))[0].attempt == 2


async def test_a_late_acknowledgement_settles_an_item_that_waits_to_be_tried_again(bench):
    pace = Pace(concurrency=10, timeout_ms=1000, retry_on_timeout=True, retry_delay_ms=5000)
    execution = await bench.begin(1, pace=pace)
    number = execution.number
    claim = await bench.claim(number)
    await bench.end_lease(claim)
    timed_out = await bench.time_out(number, NOW + 1000)

    late = await bench.settle(number, (device_id(1), True))

    assert [(each.again, each.attempt) for each in timed_out] == [(True, 1)]
    assert late.moved == {device_id(1): ItemState.SUCCEEDED}
    assert counts(late.execution) == {"total": 1, "succeeded": 1}
    assert await bench.claim(number, now=NOW + 60_000) is None


async def test_a_late_failure_does_not_use_up_a_second_retry(bench):
    pace = Pace(
        concurrency=10, timeout_ms=1000, retry_on_timeout=True, retry_on_failure=True, max_retries=1
    )
    execution = await bench.begin(1, pace=pace)
    number = execution.number
    claim = await bench.claim(number)
    await bench.end_lease(claim)
    await bench.time_out(number, NOW + 1000)

    late = await bench.settle(number, (device_id(1), False))
    again = await bench.claim(number, now=NOW + 1000)

    assert late.moved == {device_id(1): ItemState.WAITING}
    assert counts(late.execution) == {"total": 1, "waiting": 1}
    assert again.items[0].retries == 1


async def test_a_worker_that_lost_its_lease_cannot_write(bench):
    execution = await bench.begin(3)
    number = execution.number
    claim = await bench.claim(number, lease_ms=1000)
    await bench.settle(number, (device_id(1), True), lease=claim.lease)

    not_yet = await bench.expire(claim.lease, NOW + 1000)
    taken = await bench.expire(claim.lease, NOW + 1001)
    twice = await bench.expire(claim.lease, NOW + 1001)
    fenced = await bench.settle(
        number, (device_id(2), True), (device_id(3), True), lease=claim.lease, unsettled=2
    )

    assert (not_yet, taken, twice) == (None, 2, None)
    assert fenced.moved == {}
    assert set(fenced.refused.values()) == {Refusal.FENCED}
    assert counts(fenced.execution) == {"total": 3, "waiting": 2, "succeeded": 1}
    again = await bench.claim(number, now=NOW + 1001)
    assert [(item.resource_id, item.attempt) for item in again.items] == [
        (device_id(2), 2),
        (device_id(3), 2),
    ]
    settled = await bench.settle(
        number, (device_id(2), True), (device_id(3), False), lease=again.lease
    )
    assert counts(settled.execution) == {"total": 3, "succeeded": 2, "failed": 1}


async def test_renewing_keeps_a_lease_and_tells_which_are_lost(bench):
    execution = await bench.begin(4, pace=Pace(concurrency=2))
    claim = await bench.claim(execution.number, lease_ms=1000)
    key = (execution.number, claim.lease.fence)

    held = await bench.jobs(
        lambda jobs: jobs.iterations.renew("w", [key, (execution.number, 99)], NOW + 5000)
    )
    stranger = await bench.jobs(lambda jobs: jobs.iterations.renew("other", [key], NOW + 9000))
    expired = await bench.jobs(lambda jobs: jobs.iterations.expired(NOW + 5001, 10))

    assert held == {key}
    assert stranger == set()
    assert [lease.fence for lease in expired] == [claim.lease.fence]
    assert await bench.expire(claim.lease, NOW + 4000) is None


async def test_an_item_that_kills_its_workers_takes_no_other_along(bench):
    execution = await bench.begin(40, pace=Pace(concurrency=1000))
    number = execution.number
    poison = device_id(7)
    now = NOW
    sizes = []
    for _ in range(1000):
        claim = await bench.claim(number, now=now, lease_ms=1000)
        if claim is None:
            break
        items = await bench.documents(claim)
        if poison in [item.resource_id for item in items]:
            sizes.append(len(items))
            now += 1001
            await bench.expire(claim.lease, now)
        else:
            given = [(item.resource_id, True) for item in items]
            await bench.settle(number, *given, lease=claim.lease)

    items = {item.resource_id: item for item in await bench.items(number)}
    assert sizes == [40, 32, 1, 1, 1]
    assert items[poison].state is ItemState.TIMED_OUT
    assert items[poison].message == "worker lost"
    assert counts(await bench.get(number)) == {"total": 40, "succeeded": 39, "timed_out": 1}


async def test_a_serial_execution_hands_its_accumulator_on_and_waits_for_retries(bench):
    pace = Pace(concurrency=1, delay_ms=50, retry_on_failure=True, retry_delay_ms=10)
    execution = await bench.begin(3, pace=pace)
    number = execution.number
    first = await bench.claim(number)
    busy = await bench.claim(number, now=NOW + 10_000)

    failed = await bench.settle(number, (device_id(1), False, None, "x"), lease=first.lease)
    again = await bench.claim(number, now=failed.now_ms + 10)
    settled = await bench.settle(number, (device_id(1), True, None, "1"), lease=again.lease)
    early = await bench.claim(number, now=settled.now_ms + 49)
    second = await bench.claim(number, now=settled.now_ms + 50)
    unchanged = await bench.settle(number, (device_id(2), True), lease=second.lease)

    assert busy is None
    assert (failed.execution.accumulator, again.execution.accumulator) == (None, None)
    assert again.items[0].resource_id == device_id(1)
    assert settled.execution.accumulator == "1"
    assert early is None
    assert second.execution.accumulator == unchanged.execution.accumulator == "1"
    items = await bench.items(number)
    assert [item.accumulator for item in items] == ["1", "1", None]


async def test_nothing_new_begins_once_a_cancel_is_asked_for(bench):
    pace = Pace(concurrency=2, retry_on_failure=True, retry_delay_ms=1000, timeout_ms=1000)
    execution = await bench.begin(5, pace=pace)
    number = execution.number
    claim = await bench.claim(number)
    await bench.settle(number, (device_id(1), False, "later"), lease=claim.lease)
    actor = Actor(type="user", id="c" * 24)

    canceling = await bench.move(number, Change(goal=State.CANCELING, cancel_source=actor))
    refused = await bench.claim(number, now=NOW + 60_000)
    in_flight = await bench.jobs(
        lambda jobs: jobs.plans.close(number, Change(goal=State.CANCELED), NOW)
    )
    last = await bench.settle(number, (device_id(2), False, "no"), lease=claim.lease, unsettled=1)
    ended = await bench.jobs(lambda jobs: jobs.deadlines.settle_waiting(number, NOW, 100))
    closed = await bench.jobs(
        lambda jobs: jobs.plans.close(
            number, Change(goal=State.CANCELED, report_key="reports/x"), NOW
        )
    )

    assert canceling.cancel_source == actor
    assert canceling.cancel_requested
    assert refused is None
    assert in_flight is None
    assert last.moved == {device_id(2): ItemState.FAILED}
    assert ended == 1
    assert closed.state is State.CANCELED
    assert closed.report_key == "reports/x"
    assert counts(closed) == {"total": 5, "failed": 2}
    assert closed.remaining == 3
    assert await bench.move(number, Change(goal=State.CANCELING)) is None


async def test_an_execution_with_something_left_does_not_succeed(bench):
    execution = await bench.begin(2)
    claim = await bench.claim(execution.number)
    succeed = Change(goal=State.SUCCEEDED)

    running = await bench.jobs(lambda jobs: jobs.plans.close(execution.number, succeed, NOW))
    await bench.settle(
        execution.number, (device_id(1), True), (device_id(2), True), lease=claim.lease
    )
    closed = await bench.jobs(lambda jobs: jobs.plans.close(execution.number, succeed, NOW))
    twice = await bench.jobs(lambda jobs: jobs.plans.close(execution.number, succeed, NOW))

    assert running is None
    assert closed.completed_ms == NOW
    assert twice is None


async def test_a_deleted_resource_comes_without_a_document(bench):
    execution = await bench.begin(2)
    await bench.database.write(
        lambda tx: tx.execute_sql("DELETE FROM device WHERE id = :id", {"id": device_id(1)})
    )
    claim = await bench.claim(execution.number)

    items = await bench.documents(claim)

    assert [item.document for item in items] == [None, b'{"n":2}']


async def test_items_of_an_ended_execution_can_be_taken_over_by_their_state(bench):
    execution = await bench.begin(4, pace=Pace(concurrency=3))
    number = execution.number
    claim = await bench.claim(number)
    await bench.settle(number, (device_id(1), True), (device_id(2), False), lease=claim.lease)
    follower = await bench.add()

    copied = await bench.jobs(
        lambda jobs: jobs.iterations.copy(
            follower.number, number, [ItemState.FAILED, ItemState.PENDING]
        )
    )

    assert copied == 3
    items = await bench.items(follower.number)
    assert [item.resource_id for item in items] == [device_id(2), device_id(3), device_id(4)]
    assert {item.state for item in items} == {ItemState.PENDING}
