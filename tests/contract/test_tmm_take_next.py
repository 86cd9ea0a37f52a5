"""Taking the next beacon job over HTTP on both stores: order, labels, sight, waiting."""

from __future__ import annotations

import asyncio
import time

import pytest
import pytest_asyncio

from tests.support.tmm_server import TmmServer

TASKS = '[{"cmd":"a"},{"cmd":"b"}]'
LATE = 4_000_000_000


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def begun(shared_database):
    made = await TmmServer(shared_database).begin()
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def server(begun):
    yield begun
    await begun.forget()


# Take next ----------------------------------------------------------------------------------------


async def _take(server, key=None, /, **form):
    answer = await server.send("POST", "?action=pickup", key, data=form)
    return answer.json()["id"] if answer.status_code == 200 else answer.status_code


async def test_the_best_job_is_taken_by_priority_then_time_then_number(server):
    late = await server.create(q_time="2000")
    early = await server.create(q_time="1000")
    same = await server.create(q_time="1000")
    high = await server.create(priority="5")
    await server.create(q_time=LATE, priority="9")
    await server.create(q="0", priority="9")

    assert [await _take(server) for _ in range(5)] == [high, early, same, late, 204]


async def test_only_jobs_of_the_beacons_named_are_taken(server):
    jobs = {name: await server.create(beacon_name=name) for name in ("x", "y", "z")}

    assert await _take(server) == 204
    assert await _take(server, beacon_name=["y", "z"]) == jobs["y"]
    assert await _take(server, beacon_name=["y", "z"]) == jobs["z"]
    assert await _take(server, **{"beacon_name[]": ["y", "x"]}) == jobs["x"]


async def test_a_job_is_taken_by_who_has_all_its_labels(server):
    number = await server.create(labels="gpu,linux")

    assert await _take(server) == await _take(server, labels="gpu") == 204
    assert await _take(server, labels="linux,arm,gpu") == number


async def test_a_worker_takes_what_its_key_sees(server):
    ann = await server.new_key(await server.user(server.token, "ann@example.com"))
    bob = await server.new_key(await server.user(server.token, "bob@example.com"))
    number = await server.create(ann)

    assert await _take(server, bob) == 204
    assert await _take(server, ann) == number


async def test_a_paused_beacon_hands_nothing_out(server):
    number = await server.create()

    paused = await server.done("POST", "", action="pause", beacon_name="default")

    assert paused == {"beacon_name": "default", "paused": True, "lease": None}
    assert await _take(server) == 204
    assert await server.refused(number, "pickup") == (409, "conflict")
    await server.done("POST", "", action="resume")
    assert await _take(server) == number


async def test_a_user_pauses_a_beacon_for_their_own_jobs_alone(server):
    ann = await server.new_key(await server.user(server.token, "ann@example.com"))
    own, other = await server.create(ann), await server.create()

    await server.done("POST", "", ann, action="pause")

    assert (await _take(server), await _take(server)) == (other, 204)
    await server.done("POST", "", ann, action="resume")
    assert await _take(server) == own


@pytest.mark.parametrize("wait", ["-1", "61", "x"])
async def test_a_wait_has_limits(server, wait):
    answer = await server.send("POST", f"?action=pickup&wait={wait}")

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_param")


async def test_who_waits_is_handed_a_job_that_is_created_meanwhile(server):
    waiting = asyncio.create_task(_take(server, wait="30"))
    while not len(server.beacons.waiters):
        await asyncio.sleep(0)

    number = await server.create()

    assert await waiting == number
    assert len(server.beacons.waiters) == 0


async def test_who_waits_in_vain_is_told_so_without_a_body(server):
    answer = await server.send("POST", "?action=pickup&wait=1")

    assert (answer.status_code, answer.content) == (204, b"")


async def test_who_waits_is_handed_what_comes_free_by_the_look_at_the_store(server):
    number = await server.create()
    await server.act(number, "pickup")
    waiting = asyncio.create_task(_take(server, wait="30"))
    while not len(server.beacons.waiters):
        await asyncio.sleep(0)

    await server.run_out(number)
    assert server.heart.signals.beacons.is_set()
    while not waiting.done():
        await server.beacons.watch.tick()
        await asyncio.sleep(0.01)

    assert await waiting == number


async def test_the_look_at_the_store_tells_when_something_is_due(server, monkeypatch):
    monkeypatch.setattr(server.beacons.waiters, "_stopping", False)
    await server.create(q_time=int(time.time()) + 50)
    waiting = asyncio.create_task(_take(server, wait="60"))
    while not len(server.beacons.waiters):
        await asyncio.sleep(0)

    rest_s = await server.beacons.watch.tick()

    assert 40 < rest_s <= 51
    server.beacons.waiters.stop()
    assert await waiting == 204


async def test_nobody_looks_at_the_store_while_nobody_waits(server):
    assert await server.beacons.watch.tick() is None


async def test_of_many_who_pick_one_job_up_one_gets_it(server):
    number = await server.create()

    answers = await asyncio.gather(
        *(server.send("GET" if n % 2 else "POST", f"/{number}?action=pickup") for n in range(20))
    )

    assert sorted(each.status_code for each in answers) == [200] + [409] * 19


async def test_many_who_take_many_jobs_get_each_once(server):
    numbers = [await server.create() for _ in range(10)]

    taken = await asyncio.gather(*(_take(server) for _ in range(15)))

    assert sorted(taken) == sorted([*numbers, *[204] * 5])
