"""Heartbeats that wait for a cancel, over HTTP on both stores."""

from __future__ import annotations

import asyncio

import pytest

from drover.model.access import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGES_S = 60


@pytest.fixture
def beating(tmm):
    """Send a heartbeat that waits, and go on once it does so."""
    tasks = []

    async def begin(number, key=None, **form):
        there = len(tmm.beacons.holders)
        form = {"wait": AGES_S, **form}
        request = tmm.send("POST", f"/{number}?action=heartbeat", key, data=form)
        tasks.append(asyncio.create_task(request))
        while len(tmm.beacons.holders) == there or not _waits(tmm, number):
            await asyncio.sleep(0)
        return tasks[-1]

    yield begin
    for task in tasks:
        task.cancel()


def _waits(tmm, number):
    return any(each.fence is not None for each in tmm.beacons.holders._holding.get(number, ()))


async def test_a_heartbeat_that_waits_is_answered_when_the_job_is_cancelled(tmm, beating):
    number = await tmm.job_in("running")
    waiting = await beating(number)
    with tmm.heart.signals.stops.heard() as told:
        await tmm.act(number, "cancel")

        assert told.is_set()  # whoever looks for those who wait is woken
    await tmm.beacons.holders.tick()

    answer = await waiting
    assert (answer.status_code, answer.json()["cancel_requested"]) == (200, True)
    assert len(tmm.beacons.holders) == 0


async def test_a_job_that_runs_on_lets_its_worker_wait(tmm, beating):
    number = await tmm.job_in("running")
    waiting = await beating(number)

    await tmm.beacons.holders.tick()
    await asyncio.sleep(0)

    assert not waiting.done()


async def test_a_worker_that_lost_its_job_while_it_waited_is_refused(tmm, beating):
    number = await tmm.job_in("running")
    waiting = await beating(number, fence="1")
    await tmm.run_out(number)

    await tmm.beacons.holders.tick()

    assert (await waiting).status_code == 409


@pytest.mark.parametrize("action", ["end", "release"])
async def test_what_ends_the_work_lets_nobody_wait_for_it(tmm, beating, action):
    number = await tmm.job_in("running")
    waiting = await beating(number)

    await tmm.act(number, action)

    assert (await waiting).status_code == 409


async def test_a_cancel_between_the_heartbeat_and_its_wait_is_not_missed(tmm, monkeypatch):
    number = await tmm.job_in("running")
    work, wait = tmm.beacons.holders, tmm.beacons.holders.wait
    woken = []

    async def wait_late(holder, job, patience):
        await tmm.act(number, "cancel")
        await work.tick()
        woken.append(holder.woken.is_set())
        return await wait(holder, job, patience)

    monkeypatch.setattr(work, "wait", wait_late)

    job = await tmm.act(number, "heartbeat", wait="1")

    assert (woken, job["cancel_requested"]) == ([True], True)


async def test_a_heartbeat_waits_no_longer_than_it_is_asked_to(tmm):
    number = await tmm.job_in("running")

    job = await tmm.act(number, "heartbeat", wait="1")

    assert job["status"] == "running"


async def test_a_heartbeat_waits_for_half_a_lease_at_the_most(tmm, monkeypatch):
    number = await tmm.create()
    await tmm.act(number, "pickup", lease="10")
    waited = []

    async def wait(_woken, until_s, _left):
        waited.append(until_s)

    monkeypatch.setattr("drover.app.beacons.holding.wait", wait)
    monkeypatch.setattr("drover.app.beacons.holding.time.monotonic", lambda: 0.0)

    await tmm.act(number, "heartbeat", wait=AGES_S)

    assert waited == [5.0]


async def test_a_heartbeat_is_answered_at_once_where_too_many_wait_or_a_cancel_is_known(
    tmm, beating, monkeypatch
):
    number, other = await tmm.job_in("running"), await tmm.job_in("canceling")
    cancelled = await tmm.act(other, "heartbeat", wait=AGES_S)
    third = await tmm.job_in("running")
    monkeypatch.setattr(tmm.beacons.waiters, "most", 1)
    await beating(third)

    job = await tmm.act(number, "heartbeat", wait=AGES_S)

    assert (job["status"], cancelled["cancel_requested"]) == ("running", True)


async def test_a_heartbeat_that_waits_gives_way_to_who_waits_for_a_job(tmm, beating, monkeypatch):
    number, other = await tmm.job_in("running"), await tmm.job_in("running")
    monkeypatch.setattr(tmm.beacons.waiters, "most", 2)
    first, second = await beating(number), await beating(other)

    asked = asyncio.create_task(tmm.send("POST", "?action=pickup&beacon_name=nobody&wait=60"))
    answer = await first
    full = await tmm.act(number, "heartbeat", wait=AGES_S)
    asked.cancel()

    assert (answer.status_code, full["status"], second.done()) == (200, "running", False)


async def test_a_heartbeat_is_answered_at_once_where_its_key_has_no_more_places(
    tmm, beating, monkeypatch
):
    monkeypatch.setattr(tmm.beacons.waiters, "most_of_key", 1)
    await beating(await tmm.job_in("running"))

    job = await tmm.act(await tmm.job_in("running"), "heartbeat", wait=AGES_S)

    assert job["status"] == "running"


async def test_only_two_heartbeats_wait_with_one_job(tmm, beating):
    number = await tmm.job_in("running")
    for _ in range(2):
        await beating(number)

    job = await tmm.act(number, "heartbeat", wait=AGES_S)

    assert (job["status"], len(tmm.beacons.holders)) == ("running", 2)


async def test_a_worker_that_lost_its_key_while_it_waited_is_told_nothing(tmm, beating):
    caller = await tmm.access.authenticator.authenticate(tmm.token)
    made = await tmm.access.account_keys.create(caller, "one", Role.ADMINISTRATOR)
    number = await tmm.job_in("running")
    waiting = await beating(number, made.userkey)
    await tmm.access.account_keys.delete(caller, made.key.id)

    tmm.beacons.holders.tell(number)

    assert (await waiting).status_code == 401


async def test_nobody_waits_once_the_server_stops(tmm, beating, monkeypatch):
    monkeypatch.setattr(tmm.beacons.holders, "_stopping", False)
    number = await tmm.job_in("running")
    waiting = await beating(number)

    tmm.beacons.holders.stop()
    answer = await waiting
    again = await tmm.act(number, "heartbeat", wait=AGES_S)
    monkeypatch.undo()

    assert (answer.status_code, again["status"]) == (200, "running")


@pytest.mark.parametrize("wait", ["-1", "61", "x"])
async def test_a_wait_that_is_none_is_refused(tmm, wait):
    number = await tmm.job_in("running")

    assert await tmm.refused(number, "heartbeat", wait=wait) == (400, "bad_param")
