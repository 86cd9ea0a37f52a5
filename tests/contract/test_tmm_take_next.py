"""Taking the next beacon job over HTTP on both stores: order, labels, sight, waiting."""

from __future__ import annotations

import asyncio
import time

import pytest

from drover.ports.beacons import Eligible, Sight, Wish
from drover.store.beacons import BeaconStore

TASKS = '[{"cmd":"a"},{"cmd":"b"}]'
LATE = 4_000_000_000


pytestmark = pytest.mark.asyncio(loop_scope="module")


# Take next ----------------------------------------------------------------------------------------


async def _take(tmm, key=None, /, **form):
    answer = await tmm.send("POST", "?action=pickup", key, data=form)
    return answer.json()["id"] if answer.status_code == 200 else answer.status_code


async def test_the_best_job_is_taken_by_priority_then_time_then_number(tmm):
    late = await tmm.create(q_time="2000")
    early = await tmm.create(q_time="1000")
    same = await tmm.create(q_time="1000")
    high = await tmm.create(priority="5")
    await tmm.create(q_time=LATE, priority="9")
    await tmm.create(q="0", priority="9")

    assert [await _take(tmm) for _ in range(5)] == [high, early, same, late, 204]


async def test_only_jobs_of_the_beacons_named_are_taken(tmm):
    jobs = {name: await tmm.create(beacon_name=name) for name in ("x", "y", "z")}

    assert await _take(tmm) == 204
    assert await _take(tmm, beacon_name=["y", "z"]) == jobs["y"]
    assert await _take(tmm, beacon_name=["y", "z"]) == jobs["z"]
    assert await _take(tmm, **{"beacon_name[]": ["y", "x"]}) == jobs["x"]


@pytest.mark.parametrize("name", ["x" * 201, "x\0", "x\ny", {"x": 1}])
async def test_a_name_that_no_beacon_can_have_is_refused_and_not_cut_short(tmm, name):
    await tmm.create(beacon_name="x" * 200)

    answer = await tmm.send("POST", json={"action": "pickup", "beacon_name": [name, "y"]})

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_param")


async def test_a_job_is_taken_by_who_has_all_its_labels(tmm):
    number = await tmm.create(labels="gpu,linux")

    assert await _take(tmm) == await _take(tmm, labels="gpu") == 204
    assert await _take(tmm, labels="linux,arm,gpu") == number


async def test_a_worker_takes_what_its_key_sees(tmm):
    ann = await tmm.new_key(await tmm.user(tmm.token, "ann@example.com"))
    bob = await tmm.new_key(await tmm.user(tmm.token, "bob@example.com"))
    number = await tmm.create(ann)

    assert await _take(tmm, bob) == 204
    assert await _take(tmm, ann) == number


async def test_a_paused_beacon_hands_nothing_out(tmm):
    number = await tmm.create()

    paused = await tmm.done("POST", "", action="pause", beacon_name="default")

    assert paused == {"beacon_name": "default", "paused": True, "lease": None}
    assert await _take(tmm) == 204
    assert await tmm.refused(number, "pickup") == (409, "conflict")
    assert await tmm.refused(number, "start") == (409, "conflict")
    await tmm.done("POST", "", action="resume")
    assert await _take(tmm) == number


async def test_a_user_pauses_a_beacon_for_their_own_jobs_alone(tmm):
    ann = await tmm.new_key(await tmm.user(tmm.token, "ann@example.com"))
    own, other = await tmm.create(ann), await tmm.create()

    await tmm.done("POST", "", ann, action="pause")

    assert (await _take(tmm), await _take(tmm)) == (other, 204)
    await tmm.done("POST", "", ann, action="resume")
    assert await _take(tmm) == own


@pytest.mark.parametrize("wait", ["-1", "61", "x"])
async def test_a_wait_has_limits(tmm, wait):
    answer = await tmm.send("POST", f"?action=pickup&wait={wait}")

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_param")


async def test_who_waits_is_handed_a_job_that_is_created_meanwhile(tmm):
    waiting = asyncio.create_task(_take(tmm, wait="30"))
    while not len(tmm.beacons.waiters):
        await asyncio.sleep(0)

    number = await tmm.create()

    assert await waiting == number
    assert len(tmm.beacons.waiters) == 0


async def test_who_waits_in_vain_is_told_so_without_a_body(tmm):
    answer = await tmm.send("POST", "?action=pickup&wait=1")

    assert (answer.status_code, answer.content) == (204, b"")


async def test_who_waits_is_handed_what_comes_free_by_the_look_at_the_store(tmm):
    number = await tmm.create()
    await tmm.act(number, "pickup")
    waiting = asyncio.create_task(_take(tmm, wait="30"))
    while not len(tmm.beacons.waiters):
        await asyncio.sleep(0)

    await tmm.run_out(number)
    assert tmm.heart.signals.beacons.is_set()
    while not waiting.done():
        await tmm.beacons.watch.tick()
        await asyncio.sleep(0.01)

    assert await waiting == number


async def test_the_look_at_the_store_tells_when_something_is_due(tmm, monkeypatch):
    monkeypatch.setattr(tmm.beacons.waiters, "_stopping", False)
    await tmm.create(q_time=int(time.time()) + 50)
    waiting = asyncio.create_task(_take(tmm, wait="60"))
    while not len(tmm.beacons.waiters):
        await asyncio.sleep(0)

    rest_s = await tmm.beacons.watch.tick()

    assert 40 < rest_s <= 51
    tmm.beacons.waiters.stop()
    assert await waiting == 204


async def test_nobody_looks_at_the_store_while_nobody_waits(tmm):
    assert await tmm.beacons.watch.tick() is None


async def test_of_many_who_pick_one_job_up_one_gets_it(tmm):
    number = await tmm.create()

    answers = await asyncio.gather(
        *(tmm.send("GET" if n % 2 else "POST", f"/{number}?action=pickup") for n in range(20))
    )

    assert sorted(each.status_code for each in answers) == [200] + [409] * 19


async def test_many_who_take_many_jobs_get_each_once(tmm):
    numbers = [await tmm.create() for _ in range(10)]

    taken = await asyncio.gather(*(_take(tmm) for _ in range(15)))

    assert sorted(taken) == sorted([*numbers, *[204] * 5])


async def test_a_job_wakes_one_of_many_who_wait_and_costs_the_store_two_queries_at_most(
    tmm, monkeypatch
):
    asked = []
    real = BeaconStore.next

    async def counted(self, wish, now_ms):
        asked.append(wish)
        return await real(self, wish, now_ms)

    monkeypatch.setattr(BeaconStore, "next", counted)
    monkeypatch.setattr(tmm.beacons.waiters, "_stopping", False)
    waiting = [asyncio.create_task(_take(tmm, wait="60")) for _ in range(200)]
    while len(asked) < 200:
        await asyncio.sleep(0.01)
    asked.clear()

    numbers = [await tmm.create() for _ in range(20)]
    while sum(task.done() for task in waiting) < 20:
        await asyncio.sleep(0.01)

    assert len(asked) <= 2 * len(numbers)
    tmm.beacons.waiters.stop()
    taken = await asyncio.gather(*waiting)
    assert sorted(each for each in taken if each != 204) == numbers


async def test_a_wake_up_that_is_not_used_goes_to_the_next_who_waits(tmm):
    waiters = tmm.beacons.waiters
    sight = Sight()
    first, second = (waiters.join(Wish(("x",), sight)) for _ in range(2))
    job = Eligible("x", "owner")
    assert waiters.offer(job)
    assert (first.woken.is_set(), second.woken.is_set()) == (True, False)

    waiters.leave(first)

    assert second.woken.is_set()
    assert not waiters.offer(job)  # the one who is left is awake already
    waiters.leave(second)
    assert len(waiters) == 0


async def test_no_more_wait_than_may_but_all_may_ask(tmm, monkeypatch):
    monkeypatch.setattr(tmm.beacons.waiters, "most", 1)
    monkeypatch.setattr(tmm.beacons.waiters, "_stopping", False)
    waiting = asyncio.create_task(_take(tmm, wait="30"))
    while not len(tmm.beacons.waiters):
        await asyncio.sleep(0)

    refused = await tmm.send("POST", "?action=pickup&wait=30")

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert int(refused.headers["retry-after"]) > 0
    assert await _take(tmm) == 204
    tmm.beacons.waiters.stop()
    assert await waiting == 204
