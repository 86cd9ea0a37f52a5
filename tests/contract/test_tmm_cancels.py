"""Jobs of beacons that are cancelled, deleted or discarded, on both stores."""

from __future__ import annotations

import pytest

from tests.support.digi_server import basic

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_job_is_cancelled_at_once_while_nobody_has_it(tmm):
    number = await tmm.create()

    job = await tmm.act(number, "cancel")

    assert (job["status"], job["cancel_requested"]) == ("canceled", True)
    assert (await tmm.act(number, "cancel"))["status"] == "canceled"
    for state in ("complete", "failed", "template"):
        assert await tmm.refused(await tmm.job_in(state), "cancel") == (409, "conflict")


async def test_a_worker_is_told_to_stop_and_ends_the_job_as_canceled(tmm):
    number = await tmm.job_in("picked_up")

    told = await tmm.act(number, "cancel")

    assert (told["status"], told["cancel_requested"]) == ("picked_up", True)
    assert (await tmm.act(number, "start"))["cancel_requested"] is True
    assert (await tmm.act(number, "update", curtask="1"))["cancel_requested"] is True
    assert (await tmm.act(number, "log", line="stopping"))["cancel_requested"] is True
    job = await tmm.act(number, "end", **{"result[]": "1"})
    assert (job["status"], job["result"]) == ("canceled", [1])


@pytest.mark.parametrize("lease", ["100", "0"])
async def test_a_worker_that_does_not_stop_loses_the_job(tmm, lease):
    number = await tmm.create()
    await tmm.act(number, "pickup", lease=lease)
    await tmm.act(number, "cancel")
    await tmm.clocks.tick()
    assert (await tmm.act(number, "heartbeat"))["status"] == "picked_up"

    await tmm.run_out(number)

    assert (await tmm.show(number))["status"] == "canceled"


async def test_a_job_to_be_cancelled_that_is_handed_back_is_canceled(tmm):
    number = await tmm.job_in("canceling")

    assert (await tmm.act(number, "release"))["status"] == "canceled"


async def test_a_beacon_job_stands_in_the_inventory_of_all_jobs_and_is_cancelled_there(tmm):
    waiting, running = await tmm.create(name="backup"), await tmm.job_in("running")
    template = await tmm.job_in("template")

    rows = {job["id"]: job for job in (await tmm.get(query="job_type='beacon'"))["list"]}
    done = await tmm.client.put(f"/ws/v1/jobs/cancel/{waiting},{running}", headers=basic())

    assert set(rows) == {waiting, running}
    assert template not in {job["id"] for job in (await tmm.get())["list"]}
    assert (rows[waiting]["status"], rows[running]["status"]) == ("new", "in_progress")
    assert (rows[waiting]["job_name"], rows[waiting]["source"]) == ("backup", "beacon")
    assert rows[waiting]["username"] == "admin@example.com"
    assert done.status_code == 200
    assert (await tmm.show(waiting))["status"] == "canceled"
    assert (await tmm.show(running))["cancel_requested"] is True
    assert (await tmm.act(running, "end"))["status"] == "canceled"


async def test_a_job_deleted_in_the_inventory_is_gone_here_too(tmm):
    number = await tmm.job_in("complete")
    await tmm.client.delete(f"/ws/v1/jobs/{number}", headers=basic())

    answer = await tmm.send("GET", f"/{number}")

    assert answer.status_code == 404
    assert await tmm.done("GET") == []


async def discard(tmm, number):
    """Delete a job as the inventory does it: what still runs is hidden, and goes once it stopped."""
    await tmm.store.write(lambda session: session.inventory.discard([number]))


async def test_a_running_job_that_was_discarded_ends_and_keeps_no_other_job_s_clock_back(tmm):
    hidden, other = await tmm.job_in("canceling"), await tmm.job_in("running")
    await discard(tmm, hidden)
    await tmm.set(other, lease_until_ms=1)

    await tmm.run_out(hidden)

    assert (await tmm.show(other))["status"] == "queued"
    assert await tmm.store.read(lambda session: session.inventory.to_purge())


async def test_the_key_of_a_discarded_job_is_free_although_the_job_still_ends(tmm):
    hidden = await tmm.create(unique_key="nightly")
    await tmm.act(hidden, "start")
    await tmm.act(hidden, "cancel")
    await discard(tmm, hidden)

    number = await tmm.create(unique_key="nightly")

    assert number != hidden
    assert await tmm.create(unique_key="nightly") == number
