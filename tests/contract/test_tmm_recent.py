"""Verbs on jobs that this server stored last: what changed elsewhere counts, on both stores.

A server with a store of its own does not read such a job first. Each test changes it, or what is
set for its beacon, in between by another way.
"""

from __future__ import annotations

import pytest

from drover.app.beacons.recent import MOST_BYTES
from drover.model.run import Actor

pytestmark = pytest.mark.asyncio(loop_scope="module")

LATER = 4_000_000_000
ANY = Actor(type="user", id="x")


async def test_a_job_that_was_discarded_meanwhile_is_not_there_for_its_worker(tmm):
    number = await tmm.job_in("running")
    await tmm.store.write(lambda session: session.inventory.discard([number]))

    for action in ("update", "heartbeat", "end", "release"):
        assert await tmm.refused(number, action) == (404, "not_found")


async def test_a_job_that_was_discarded_before_it_began_is_not_handed_out(tmm):
    number = await tmm.create()
    await tmm.store.write(lambda session: session.inventory.discard([number]))

    assert await tmm.refused(number, "pickup") == (404, "not_found")
    assert await tmm.refused(number, "start") == (404, "not_found")


async def test_a_beacon_that_is_paused_after_its_job_was_created_hands_it_not_out(tmm):
    number = await tmm.create(beacon_name="later-paused")
    await tmm.done("POST", "", action="pause", beacon_name="later-paused")

    assert await tmm.refused(number, "pickup") == (409, "conflict")
    assert await tmm.refused(number, "start") == (409, "conflict")


async def test_a_beacon_that_was_paused_before_its_job_was_created_hands_it_not_out(tmm):
    await tmm.done("POST", "", action="pause", beacon_name="first-paused")
    number = await tmm.create(beacon_name="first-paused")

    assert await tmm.refused(number, "pickup") == (409, "conflict")


async def test_the_lease_that_is_set_for_a_beacon_counts_for_jobs_that_were_there_before(tmm):
    number = await tmm.create(beacon_name="later-leased")
    await tmm.done("POST", "", action="configure", beacon_name="later-leased", lease="77")

    assert (await tmm.act(number, "pickup"))["lease"] == 77


async def test_a_job_that_was_cancelled_elsewhere_is_not_begun_and_ends_as_canceled(tmm):
    waiting, running = await tmm.create(), await tmm.job_in("running")
    for number in (waiting, running):
        await tmm.store.write(lambda session, each=number: session.inventory.cancel([each], ANY, 5))

    assert await tmm.refused(waiting, "pickup") == (409, "conflict")
    ended = await tmm.act(running, "end", **{"result[]": "1"})
    assert (ended["status"], ended["cancel_requested"]) == ("canceled", True)


async def test_a_job_whose_lease_ran_out_meanwhile_is_not_ended_by_its_worker(tmm):
    number = await tmm.create()
    held = await tmm.act(number, "pickup", worker="a")
    await tmm.run_out(number)

    late = {"fence": held["fence"], "result[]": "1"}
    assert await tmm.refused(number, "end", **late) == (409, "conflict")
    assert (await tmm.show(number))["result"] == []


async def test_a_job_that_is_gone_is_missing(tmm):
    number = await tmm.job_in("running")

    async def work(tx):
        await tx.execute_sql("DELETE FROM execution WHERE number = :number", {"number": number})

    await tmm.database.write(work)

    assert await tmm.refused(number, "end") == (404, "not_found")


async def test_a_job_of_another_user_is_not_there_although_it_is_remembered(tmm):
    ann = await tmm.new_key(await tmm.user(tmm.token, "ann@example.com"))
    number = await tmm.job_in("running")

    assert await tmm.refused(number, "end", ann) == (404, "not_found")
    assert await tmm.refused(number, "heartbeat", ann) == (404, "not_found")


@pytest.mark.parametrize("size", [1, MOST_BYTES + 1])
async def test_a_job_is_done_whether_its_tasks_are_remembered_or_not(tmm, size):
    number = await tmm.create(tasks=f'[{{"cmd":"{"x" * size}"}}]')

    await tmm.act(number, "pickup")
    await tmm.act(number, "start")
    await tmm.act(number, "update", curtask="1")
    ended = await tmm.act(number, "end", **{"result[]": '{"ok":true}'})

    assert (ended["status"], ended["result"], ended["cur_task"]) == ("complete", [{"ok": True}], 1)
    assert await tmm.show(number) == ended


async def test_a_job_for_later_is_not_handed_out_early(tmm):
    number = await tmm.create(q_time=str(LATER))

    assert await tmm.refused(number, "pickup") == (409, "conflict")
