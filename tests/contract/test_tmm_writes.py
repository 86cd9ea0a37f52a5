"""What is written of jobs of beacons when several write at once, on both stores."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import structs

from drover.model.beacon_job import Hold, NewBeaconJob, Pick, end, pick
from drover.model.execution import State
from drover.ports.beacons import Change
from drover.store.beacons import BeaconStore
from drover.system import RandomIds

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_changes_between_the_look_and_the_write_is_not_overwritten(tmm, monkeypatch):
    number = await tmm.job_in("running", lease="0")  # no lease tells of the change
    real, between = BeaconStore.seen, ["update"]

    async def seen(self, numbers):
        found = await real(self, numbers)
        while between:
            await tmm.act(number, between.pop(), curtask="2")
        return found

    monkeypatch.setattr(BeaconStore, "seen", seen)

    await tmm.act(number, "end")

    # SQLite looks and writes at once, so that nothing comes between.
    assert (await tmm.show(number))["cur_task"] == (2 if tmm.heart.store.distant else 0)


async def test_of_many_who_want_a_job_at_once_one_gets_it_and_the_others_are_told(tmm):
    number = await tmm.create()

    answers = await asyncio.gather(
        *(
            tmm.send("POST", f"/{number}?action=pickup&worker=w{each}", data={"name": "x"})
            for each in range(30)
        )
    )

    assert sorted(each.status_code for each in answers) == [200] + [409] * 29
    (won,) = (each.json() for each in answers if each.status_code == 200)
    shown = await tmm.show(number)
    assert (shown["worker"], shown["fence"]) == (won["worker"], 1)


async def test_jobs_that_are_created_at_once_are_each_stored_as_they_were_asked_for(tmm):
    made = await asyncio.gather(
        *(tmm.done("POST", "", name=f"j{n}", q="1", tasks=f'[{{"n":{n}}}]') for n in range(30))
    )

    assert len({each["id"] for each in made}) == 30
    for n, each in enumerate(made):
        assert (each["name"], each["tasks"]) == (f"j{n}", [{"n": n}])
        assert await tmm.show(each["id"]) == each


async def test_of_two_changes_written_together_the_first_counts(tmm):
    number = await tmm.create()
    other = await tmm.create()

    async def work(session):
        found, now_ms = await session.beacons.seen([other, number, 10**9])
        one, two = (pick(found[number], Pick(hold=Hold(worker=name)), now_ms) for name in "ab")
        third = pick(found[other], Pick(hold=Hold(worker="c")), now_ms)
        changes = [
            Change(found[number], one),
            Change(found[number], two),
            Change(found[other], third),
        ]
        return sorted(found), await session.beacons.save_all(changes)

    assert await tmm.store.write(work) == ([number, other], [True, False, True])
    assert [(await tmm.show(each))["worker"] for each in (number, other)] == ["a", "c"]


async def test_of_changes_written_together_those_that_end_a_job_make_its_callback_due(tmm):
    ended = await tmm.create(callback_url="http://x.test/")
    untold = await tmm.create()
    taken = await tmm.create(callback_url="http://y.test/")
    found, _ = await tmm.store.read(lambda session: session.beacons.seen([ended, untold, taken]))
    changes = [
        Change(found[ended], end(found[ended], Hold(), b"[]", None, 7)),
        Change(found[untold], end(found[untold], Hold(), b"[]", None, 7)),
        Change(found[taken], pick(found[taken], Pick(hold=Hold()), 2**42)),
    ]

    written = await tmm.store.write_one(lambda session: session.beacons.save_all(changes))
    due = await tmm.store.read(lambda session: session.beacons.to_call(2**42, "", 9))

    assert written == [True, True, True]
    assert due == ["x.test"]


async def test_jobs_that_are_stored_together_are_numbered_and_shown_each_as_it_is(tmm):
    new = [
        NewBeaconJob(
            id=RandomIds().new(), name=name, owner_id="a" * 24, user_number=1, user_guid="g"
        )
        for name in ("one", "two", "three")
    ]

    now_ms = await tmm.store.read(lambda session: session.now_ms())
    made = await tmm.store.write_one(lambda session: session.beacons.add_all(new, now_ms))

    assert [each.name for each in made] == ["one", "two", "three"]
    assert len({each.number for each in made}) == 3
    for each in made:
        assert (await tmm.show(each.number))["name"] == each.name


CHANGES = {
    "state": State.CANCELING,
    "queued_ms": 11,
    "due_ms": 12,
    "picked_ms": 13,
    "started_ms": 14,
    "step": 1,
    "error": "odd",
    "result": b"[1]",
    "worker": "another",
    "lease_ms": 15_000,
    "lease_until_ms": 16,
    "ends_ms": 17,
    "tries": 2,
    "fence": 9,
}


@pytest.mark.parametrize("name", CHANGES)
async def test_whatever_is_changed_of_a_job_is_written(tmm, name):
    number = await tmm.job_in("picked_up")

    async def work(session):
        seen = await session.beacons.hold(number)
        job = structs.replace(seen, **{name: CHANGES[name]})
        return job, await session.beacons.save(seen, job), await session.beacons.hold(number)

    job, written, stored = await tmm.store.write(work)

    assert written
    assert stored == job


@pytest.mark.parametrize("change", [{"step": 1}, {"worker": "another"}])
@pytest.mark.parametrize("stale", [{"step": 1}, {"fence": 5}, {"state": State.CANCELING}])
async def test_what_has_changed_since_it_was_seen_is_not_overwritten(tmm, change, stale):
    number = await tmm.job_in("picked_up")

    async def work(session):
        seen = await session.beacons.hold(number)
        now = structs.replace(seen, **stale)
        first = await session.beacons.save(seen, now)
        second = await session.beacons.save(seen, structs.replace(seen, **change))
        return now, first, second, await session.beacons.hold(number)

    now, first, second, stored = await tmm.store.write(work)

    assert (first, second) == (True, False)
    assert stored == now
