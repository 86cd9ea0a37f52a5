"""What the job tables promise about chunks that follow others, on each database."""

import pytest

from drover.model.execution import State
from drover.model.iteration import ItemState
from drover.model.run import Change, Pace
from drover.ports.jobs import Follow, Refusal
from tests.contract.jobs_store import NOW, Bench, counts, device_id

LATER = 2 * NOW
"""After what the store's own clock tells."""


@pytest.fixture
def bench(database):
    return Bench(database)


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


async def test_an_item_that_ends_before_it_begins_takes_nobodys_place(bench):
    execution = await bench.begin(6, pace=Pace(concurrency=1))
    number = execution.number
    first = await bench.claim(number, 1)
    ahead = await bench.claim(number, 1, after=first.lease)
    await bench.settle(number, (device_id(2), False))  # by somebody else, without a lease

    beside = await bench.claim(number, now=LATER)
    await bench.settle(number, (device_id(1), True), lease=first.lease)
    after = await bench.claim(number, now=LATER)

    assert (ahead.lease.size, beside, after.lease.size) == (1, None, 1)
    assert after.execution.in_flight == 1


async def test_an_item_that_ends_before_it_begins_leaves_the_others_of_its_chunk_waiting(bench):
    first, ahead = await waiting_pair(bench)
    number = first.execution.number

    await bench.settle(number, (device_id(3), True), lease=first.lease)  # of the chunk that waits
    beside = await bench.claim(number, now=LATER)
    await bench.settle(number, (device_id(1), True), lease=first.lease)
    landed = await bench.claim(number, now=LATER)

    assert (ahead.lease.size, beside, landed) == (2, None, None)


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


async def losses_of(bench, number):
    """Return how often each item lost its worker, by its device."""
    sql = "SELECT resource_id, losses FROM iteration WHERE execution = :number"
    rows = await bench.database.read(lambda tx: tx.fetch_sql(sql, {"number": number}))
    return {row["resource_id"]: row["losses"] for row in rows}


async def test_items_that_waited_for_a_chunk_whose_worker_is_lost_are_not_blamed(bench):
    first, ahead = await waiting_pair(bench, concurrency=1, devices=3)
    last = await bench.claim(first.execution.number, 1, after=ahead.lease)
    number = first.execution.number

    taken = await bench.expire(first.lease, LATER)
    over = await bench.expire(ahead.lease, LATER)

    losses = await losses_of(bench, number)
    assert (first.lease.size, ahead.lease.size) == (1, 1)
    assert (taken, over) == (2 if last is None else 3, None)
    assert losses[device_id(1)] > 1  # it was alone with its worker
    assert losses[device_id(2)] == losses[device_id(3)] == 0
    assert counts(await bench.get(number)) == {"total": 3, "waiting": taken}
    refused = await bench.settle(number, (device_id(2), True), lease=ahead.lease)
    assert refused.refused == {device_id(2): Refusal.FENCED}


async def test_an_item_whose_chunk_had_nothing_to_wait_for_any_more_is_blamed(bench):
    first, ahead = await waiting_pair(bench, concurrency=1, devices=3)
    number = first.execution.number
    await bench.settle(number, (device_id(1), True))  # by somebody else, without a lease

    over = await bench.expire(first.lease, LATER)
    taken = await bench.expire(ahead.lease, LATER)

    assert (over, taken) == (0, 1)
    assert (await losses_of(bench, number))[device_id(2)] > 1


async def test_of_leases_that_ran_out_together_the_one_that_others_wait_for_comes_first(bench):
    first, ahead = await waiting_pair(bench)

    found = await bench.jobs(lambda jobs: jobs.iterations.expired(10**15, 10))

    assert [each.fence for each in found] == [first.lease.fence, ahead.lease.fence]
