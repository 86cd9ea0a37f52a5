"""What the job tables promise about items, on each database."""

import pytest

from drover.model.execution import State
from drover.model.iteration import ItemState
from drover.model.run import Actor, Change, Pace
from drover.ports.jobs import Follow, Refusal
from tests.contract.jobs_store import NOW, Bench, device_id

LATER = 2 * NOW
"""After what the store's own clock tells."""


@pytest.fixture
def bench(database):
    return Bench(database)


def counts(execution):
    return {
        name: getattr(execution, name)
        for name in ("total", "in_flight", "waiting", "succeeded", "failed", "timed_out")
        if getattr(execution, name)
    }


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


async def test_the_next_chunk_is_claimed_with_the_settle_that_ends_the_one_before(bench):
    execution = await bench.begin(5, pace=Pace(concurrency=4))
    number = execution.number
    first = await bench.claim(number, 2)
    await bench.claim(number, 1)
    follow = Follow(limit=3, worker="w", lease_ms=1000)

    partly = await bench.settle(number, (device_id(1), True), lease=first.lease, follow=follow)
    wholly = await bench.settle(
        number, (device_id(2), False), lease=first.lease, unsettled=1, follow=follow
    )

    assert partly.following is None
    lease = wholly.following.lease
    assert (lease.size, lease.until_ms) == (2, wholly.now_ms + 1000)
    assert [item.resource_id for item in await bench.documents(wholly.following)] == [
        device_id(4),
        device_id(5),
    ]
    assert counts(wholly.execution) == {"total": 5, "in_flight": 3, "succeeded": 1, "failed": 1}
    over = await bench.settle(number, (device_id(3), True), lease=first.lease)
    assert over.refused == {device_id(3): Refusal.FENCED}
    leases = await bench.jobs(lambda jobs: jobs.iterations.expired(10**15, 10))
    assert {each.fence for each in leases} == {2, lease.fence}


@pytest.mark.parametrize(
    "pace",
    [
        Pace(concurrency=4, delay_ms=10),
        Pace(concurrency=4, retry_on_failure=True),
    ],
)
async def test_no_chunk_follows_where_a_delay_or_a_retry_comes_first(bench, pace):
    execution = await bench.begin(5, pace=pace)
    claim = await bench.claim(execution.number, 1)
    follow = Follow(limit=3, worker="w", lease_ms=1000)

    settled = await bench.settle(
        execution.number, (device_id(1), False), lease=claim.lease, follow=follow
    )

    assert (settled.unsettled, settled.following) == (0, None)
    assert await bench.jobs(lambda jobs: jobs.iterations.expired(10**15, 10)) == []


async def waiting_pair(bench, concurrency=2, devices=8):
    """A chunk that runs, and one claimed ahead of its end."""
    execution = await bench.begin(devices, pace=Pace(concurrency=concurrency))
    first = await bench.claim(execution.number, concurrency)
    return first, await bench.claim(execution.number, concurrency, after=first.lease)


async def test_a_chunk_may_be_claimed_ahead_in_the_place_of_one_that_runs(bench):
    first, ahead = await waiting_pair(bench)
    number = first.execution.number

    none_free = await bench.claim(number)

    assert (first.lease.size, ahead.lease.size) == (2, 2)
    assert ahead.execution.in_flight == 4
    assert none_free is None
    assert [item.resource_id for item in await bench.documents(ahead)] == [
        device_id(3),
        device_id(4),
    ]


async def test_places_that_a_chunk_gives_up_belong_to_the_one_claimed_after_it(bench):
    first, ahead = await waiting_pair(bench)
    number = first.execution.number

    await bench.settle(number, (device_id(1), True), lease=first.lease)
    none_free = await bench.claim(number)
    follow = Follow(limit=2, worker="w", lease_ms=1000, after=ahead.lease)
    settled = await bench.settle(
        number, (device_id(2), True), lease=first.lease, unsettled=1, follow=follow
    )

    assert none_free is None
    assert settled.following.lease.size == 2
    assert settled.execution.in_flight == 4
    assert await bench.claim(number) is None


async def test_what_was_claimed_after_a_chunk_that_is_gone_has_a_place_of_its_own(bench):
    first, ahead = await waiting_pair(bench, concurrency=3)
    number = first.execution.number

    await bench.settle(number, *((device_id(n), True) for n in (1, 2, 3)), lease=first.lease)
    direct = await bench.claim(number)

    assert (ahead.lease.size, direct) == (3, None)
    await bench.settle(number, *((device_id(n), True) for n in (4, 5, 6)), lease=ahead.lease)
    assert (await bench.claim(number)).lease.size == 2


async def test_an_item_that_is_tried_again_has_given_up_its_place_in_its_first_chunk(bench):
    pace = Pace(concurrency=3, retry_on_failure=True, max_retries=1, retry_delay_ms=0)
    execution = await bench.begin(12, pace=pace)
    number = execution.number
    first = await bench.claim(number, 2)
    ahead = await bench.claim(number, 2, after=first.lease)
    await bench.settle(number, (device_id(1), False), lease=first.lease)

    again = await bench.claim(number, now=LATER)
    none_free = await bench.claim(number, now=LATER)
    follow = Follow(limit=2, worker="w", lease_ms=1000, after=ahead.lease)
    settled = await bench.settle(
        number, (device_id(2), True), lease=first.lease, unsettled=1, follow=follow
    )

    assert [(item.resource_id, item.attempt) for item in again.items] == [(device_id(1), 2)]
    assert (none_free, settled.execution.in_flight) == (None, 5)  # 3 places, and 2 claimed ahead
    assert await bench.claim(number, now=LATER) is None


async def test_no_more_is_claimed_ahead_than_a_chunk_with_a_retried_item_has_places(bench):
    pace = Pace(concurrency=2, retry_on_failure=True, max_retries=1, retry_delay_ms=0)
    number = (await bench.begin(12, pace=pace)).number
    first = await bench.claim(number, 2)
    await bench.settle(number, (device_id(1), False), lease=first.lease)
    again = await bench.claim(number, now=LATER)

    ahead = await bench.claim(number, 2, now=LATER, after=first.lease)

    assert [item.resource_id for item in again.items] == [device_id(1)]
    assert ahead is None


async def test_a_lane_that_ends_leaves_its_places_to_others_though_these_work_ahead(bench):
    execution = await bench.begin(12, pace=Pace(concurrency=4))
    number = execution.number
    first, second = await bench.claim(number, 2), await bench.claim(number, 2)
    await bench.claim(number, 2, after=first.lease)

    await bench.settle(number, (device_id(3), True), (device_id(4), True), lease=second.lease)
    after = await bench.jobs(lambda jobs: jobs.plans.claimable(NOW, 10))

    assert (await bench.get(number)).in_flight == 4
    assert [each.number for each in after] == [number]
    assert (await bench.claim(number)).lease.size == 2


async def test_items_put_back_are_begun_for_the_first_time_later(bench):
    first, ahead = await waiting_pair(bench)
    number = first.execution.number

    put_back = await bench.jobs(lambda jobs: jobs.iterations.put_back(ahead.lease, NOW))
    twice = await bench.jobs(lambda jobs: jobs.iterations.put_back(ahead.lease, NOW))
    refused = await bench.settle(number, (device_id(3), True), lease=ahead.lease)
    await bench.settle(number, (device_id(1), True), (device_id(2), True), lease=first.lease)
    again = await bench.claim(number)

    assert (put_back, twice) == (2, None)
    assert refused.refused == {device_id(3): Refusal.FENCED}
    assert [(item.resource_id, item.attempt) for item in again.items] == [
        (device_id(3), 1),
        (device_id(4), 1),
    ]


async def test_items_put_back_before_a_cancel_never_began(bench):
    first, ahead = await waiting_pair(bench, devices=4)
    number = first.execution.number
    await bench.jobs(lambda jobs: jobs.iterations.put_back(ahead.lease, NOW))
    await bench.move(number, Change(goal=State.CANCELING))
    await bench.settle(number, (device_id(1), True), (device_id(2), True), lease=first.lease)

    await bench.jobs(lambda jobs: jobs.deadlines.settle_waiting(number, NOW, 10))

    execution = await bench.get(number)
    assert (execution.succeeded, execution.timed_out, execution.remaining) == (2, 0, 2)
    assert [item.state for item in await bench.items(number)][2:] == [ItemState.PENDING] * 2


@pytest.mark.parametrize("pace", [Pace(concurrency=4, delay_ms=10), Pace(concurrency=4)])
async def test_nothing_is_claimed_ahead_of_a_delay_or_of_items_to_be_tried_again(bench, pace):
    execution = await bench.begin(9, pace=pace)
    number = execution.number
    first = await bench.claim(number, 1)
    if not pace.delay_ms:
        again = await bench.claim(number, 1)
        await bench.jobs(lambda jobs: jobs.iterations.give_back(again.lease, NOW, lost=False))

    assert await bench.claim(number, 1, now=NOW + 100, after=first.lease) is None


async def test_what_is_claimed_ahead_takes_no_place_that_another_has_taken_meanwhile(bench):
    execution = await bench.begin(12, pace=Pace(concurrency=4))
    number = execution.number
    first, second = await bench.claim(number, 2), await bench.claim(number, 2)
    await bench.settle(number, (device_id(1), True), lease=first.lease)
    others = await bench.claim(number, 2, worker="elsewhere")

    ahead = await bench.claim(number, 2, after=first.lease)

    assert (second.lease.size, others.lease.size, ahead) == (2, 1, None)


async def test_what_is_claimed_ahead_may_count_on_places_that_nobody_has_taken(bench):
    execution = await bench.begin(12, pace=Pace(concurrency=4))
    number = execution.number
    first, _ = await bench.claim(number, 2), await bench.claim(number, 2)
    await bench.settle(number, (device_id(1), True), lease=first.lease)

    ahead = await bench.claim(number, 2, after=first.lease)

    assert (ahead.lease.size, await bench.claim(number, 2)) == (2, None)
