"""A chunk all of whose items end alike is settled by its range, on each database."""

import pytest

from drover.model.iteration import Acknowledgement, ItemState
from drover.model.run import Pace
from drover.ports.jobs import Follow, Held, Unlike
from tests.contract.jobs_store import NOW, Bench, device_id
from tests.contract.test_jobs_iterations import counts


@pytest.fixture
def bench(database):
    return Bench(database)


async def settle_all(bench, lease, ok, message=None, *, unsettled=None, follow=None):
    given = Acknowledgement("", ok, message)
    held = Held(lease=lease, unsettled=lease.size if unsettled is None else unsettled)
    return await bench.jobs(
        lambda jobs: jobs.iterations.settle_all(lease.number, given, held, follow)
    )


async def test_all_items_of_a_chunk_succeed_and_the_next_chunk_takes_its_place(bench):
    execution = await bench.begin(5, pace=Pace(concurrency=3))
    claim = await bench.claim(execution.number)
    follow = Follow(limit=3, worker="w", lease_ms=30_000)

    done = await settle_all(bench, claim.lease, True, "well", follow=follow)

    items = await bench.items(execution.number)
    assert [item.state for item in items] == [ItemState.SUCCEEDED] * 3 + [ItemState.PENDING] * 2
    assert {(item.attempt, item.message, item.completed_ms) for item in items[:3]} == {
        (1, "well", done.now_ms)
    }
    assert {item.started_ms for item in items[:3]} == {claim.lease.started_ms}
    assert (done.unsettled, done.refused) == (0, {})
    assert done.following.lease.size == 2
    assert counts(done.execution) == {"total": 5, "succeeded": 3, "in_flight": 2}
    assert not await bench.end_lease(claim)


async def test_all_items_of_a_chunk_fail_for_good_where_nothing_is_tried_again(bench):
    execution = await bench.begin(2)
    claim = await bench.claim(execution.number)

    done = await settle_all(bench, claim.lease, False, "no")

    items = await bench.items(execution.number)
    assert {(item.state, item.message) for item in items} == {(ItemState.FAILED, "no")}
    assert counts(done.execution) == {"total": 2, "failed": 2}
    assert done.following is None


async def test_all_items_of_a_chunk_that_fail_wait_to_be_tried_again(bench):
    pace = Pace(concurrency=10, retry_on_failure=True, max_retries=1, retry_delay_ms=5000)
    execution = await bench.begin(2, pace=pace)
    claim = await bench.claim(execution.number)

    done = await settle_all(bench, claim.lease, False, "no")
    early = await bench.claim(execution.number, now=done.now_ms + 4999)
    again = await bench.claim(execution.number, now=done.now_ms + 5000)
    last = await bench.settle(
        execution.number, (device_id(1), False), (device_id(2), True), lease=again.lease
    )

    assert counts(done.execution) == {"total": 2, "waiting": 2}
    assert early is None
    assert [(item.attempt, item.retries) for item in again.items] == [(2, 1), (2, 1)]
    assert counts(last.execution) == {"total": 2, "failed": 1, "succeeded": 1}


async def unlike_since_acknowledged(bench, number):
    claim = await bench.claim(number)
    await bench.settle(number, (device_id(1), True, "from elsewhere"))
    return claim.lease


async def unlike_since_past_its_timeout(bench, number):
    claim = await bench.claim(number)
    await bench.jobs(lambda jobs: jobs.deadlines.expose(NOW + 10**9))
    return claim.lease


async def unlike_since_lost(bench, number):
    claim = await bench.claim(number)
    await bench.expire(claim.lease, NOW + 60_000)
    return claim.lease


async def unlike_since_tried_again(bench, number):
    lost = await bench.claim(number)
    await bench.expire(lost.lease, NOW + 60_000)
    return (await bench.claim(number, now=NOW + 60_000)).lease


@pytest.mark.parametrize(
    "prepare",
    [
        unlike_since_acknowledged,
        unlike_since_past_its_timeout,
        unlike_since_lost,
        unlike_since_tried_again,
    ],
)
async def test_nothing_changes_where_the_items_of_a_chunk_stand_unlike(bench, prepare):
    execution = await bench.begin(3)
    lease = await prepare(bench, execution.number)
    before = await bench.get(execution.number), await bench.items(execution.number)

    with pytest.raises(Unlike):
        await settle_all(bench, lease, True)

    assert (await bench.get(execution.number), await bench.items(execution.number)) == before


async def test_serial_items_are_settled_by_their_ids_for_what_they_hand_on(bench):
    execution = await bench.begin(2, pace=Pace(concurrency=1))
    claim = await bench.claim(execution.number)

    with pytest.raises(Unlike):
        await settle_all(bench, claim.lease, True)

    assert counts(await bench.get(execution.number)) == {"total": 2, "in_flight": 1}
