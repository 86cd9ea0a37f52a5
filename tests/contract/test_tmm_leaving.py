"""Who waits for a beacon job and goes away is handed none, on both stores; places to wait."""

from __future__ import annotations

import asyncio

import pytest

from drover.app.beacons.waiting import Patience
from drover.app.beacons.work import Wanted
from drover.model.beacon_job import Hold, Pick
from drover.model.errors import Unavailable

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEFAULT = Wanted(("default",))
ASKED = Pick(hold=Hold(worker="a"))


async def _at_once():
    """Leave before the first look at the store is over."""


async def _trusted():
    """Be somebody who may have jobs still."""


def _patience(left):
    return Patience(30, left, _trusted)


async def _caller(tmm, key=None):
    return await tmm.access.authenticator.authenticate_userkey(key or tmm.userkey)


async def _waiting(tmm, count=1):
    while len(tmm.beacons.waiters) < count:
        await asyncio.sleep(0)


async def test_a_job_that_was_taken_for_who_has_left_goes_back_to_the_queue(tmm):
    number = await tmm.create()

    with pytest.raises(Unavailable, match="went away"):
        await tmm.beacons.work.take(await _caller(tmm), DEFAULT, ASKED, _patience(_at_once))

    job = await tmm.show(number)
    assert (job["status"], job["attempts"], job["worker"]) == ("queued", 0, None)
    taken = await tmm.done("POST", "?action=pickup")
    assert taken["id"] == number


async def test_a_job_that_was_taken_for_who_has_left_wakes_the_next_who_waits(tmm):
    caller = await _caller(tmm)
    left = asyncio.Event()
    orphaned = asyncio.create_task(
        tmm.beacons.work.take(caller, DEFAULT, ASKED, _patience(left.wait))
    )
    await _waiting(tmm)
    waiting = asyncio.create_task(tmm.done("POST", "?action=pickup&wait=30"))
    await _waiting(tmm, 2)

    created = asyncio.create_task(tmm.create())
    while not any(waiter.woken.is_set() for waiter in tmm.beacons.waiters._waiting["default"]):
        await asyncio.sleep(0)
    left.set()  # the job is on its way to the one who waits longest

    assert (await waiting)["id"] == await created
    with pytest.raises(Unavailable):
        await orphaned


async def test_who_leaves_while_nothing_comes_waits_no_more(tmm):
    left = asyncio.Event()
    caller = await _caller(tmm)
    waiting = asyncio.create_task(
        tmm.beacons.work.take(caller, DEFAULT, ASKED, _patience(left.wait))
    )
    await _waiting(tmm)

    left.set()

    with pytest.raises(Unavailable):
        await waiting
    assert len(tmm.beacons.waiters) == 0


async def test_who_loses_the_key_while_waiting_is_handed_nothing(tmm):
    token = await tmm.user(tmm.token, "eve@example.com")
    key = await tmm.new_key(token)
    waiting = asyncio.create_task(tmm.send("POST", "?action=pickup&wait=30", key))
    await _waiting(tmm)
    caller = await tmm.access.authenticator.authenticate(token)
    [kept] = await tmm.access.account_keys.all(caller)
    await tmm.access.account_keys.delete(caller, kept.id)

    number = await tmm.create(user_guid=caller.guid)

    assert (await waiting).status_code == 401
    assert (await tmm.show(number))["status"] == "queued"


async def test_a_job_that_was_cancelled_meanwhile_is_not_handed_back_to_the_queue(tmm, monkeypatch):
    number = await tmm.create()
    taken = tmm.beacons.work._take_now

    async def taken_and_cancelled(waiter, asked):
        job = await taken(waiter, asked)
        await tmm.act(number, "end")
        return job

    monkeypatch.setattr(tmm.beacons.work, "_take_now", taken_and_cancelled)

    with pytest.raises(Unavailable):
        await tmm.beacons.work.take(await _caller(tmm), DEFAULT, ASKED, _patience(_at_once))

    assert (await tmm.show(number))["status"] == "complete"


async def test_one_key_takes_up_no_more_places_than_it_may_and_others_still_wait(tmm, monkeypatch):
    monkeypatch.setattr(tmm.beacons.waiters, "most_of_key", 1)
    monkeypatch.setattr(tmm.beacons.waiters, "_stopping", False)
    ann = await tmm.new_key(await tmm.user(tmm.token, "ann@example.com"))
    first = asyncio.create_task(tmm.send("POST", "?action=pickup&wait=30"))
    await _waiting(tmm)

    refused = await tmm.send("POST", "?action=pickup&wait=30")
    other = asyncio.create_task(tmm.send("POST", "?action=pickup&wait=30", ann))
    await _waiting(tmm, 2)

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert int(refused.headers["retry-after"]) > 0
    assert (await tmm.send("POST", "?action=pickup")).status_code == 204
    tmm.beacons.waiters.stop()
    assert (await first).status_code == (await other).status_code == 204


async def test_a_place_that_comes_free_is_given_to_the_same_key_again(tmm, monkeypatch):
    monkeypatch.setattr(tmm.beacons.waiters, "most_of_key", 1)
    for _ in range(3):
        waiting = asyncio.create_task(tmm.send("POST", "?action=pickup&wait=30"))
        await _waiting(tmm)
        number = await tmm.create()

        assert (await waiting).json()["id"] == number
