"""What a server remembers of the jobs it stored."""

from __future__ import annotations

import pytest
from msgspec import structs

from drover.app.beacons import recent as module
from drover.app.beacons.recent import MOST_BYTES, RecentJobs
from drover.model.beacon_job import TEMPLATE, NewBeaconJob
from drover.model.execution import State
from drover.ports.beacons import Setting
from drover.ports.failures import StoreClosed
from drover.store.beacons.rows import added


class SettingsAlone:
    """A store of which nothing is read but what is set for beacons."""

    distant = False

    def __init__(self, *names):
        self.names = names
        self.looks = 0

    async def glance(self, work):
        self.looks += 1
        return await work(self)

    @property
    def beacons(self):
        return self

    async def settings(self):
        return [Setting(name=each, owner_id="", paused=True, lease_ms=None) for each in self.names]


class Closed(SettingsAlone):
    """A store that is not there any more."""

    async def glance(self, _work):
        raise StoreClosed("the store is not open")


class Shared(SettingsAlone):
    """A store that others use too."""

    distant = True


def new_job(number, **terms):
    new = NewBeaconJob(
        **{"id": f"{number:024x}", "name": "job", "owner_id": "a", "queued_ms": 1, **terms},
        user_number=1,
        user_guid="g",
    )
    return added(new, number, 1)


def held(number):
    return structs.replace(new_job(number), state=State.RUNNING, fence=1)


async def test_a_job_is_remembered_from_its_creation_to_its_end():
    recent, job = RecentJobs(SettingsAlone()), new_job(7)

    await recent.added(job)
    assert recent.get(7) is job
    recent.saved(held(7))
    assert recent.get(7) == held(7)
    recent.saved(structs.replace(job, state=State.SUCCEEDED))
    assert recent.get(7) is None


async def test_settings_of_beacons_are_read_once_and_keep_waiting_jobs_from_being_used():
    store = SettingsAlone("slow")
    recent = RecentJobs(store)

    await recent.added(new_job(1, beacon_name="slow"))
    await recent.added(new_job(2, beacon_name="quick"))

    assert (recent.get(1), recent.get(2) is None, store.looks) == (None, False, 1)
    recent.will_be_set("quick")
    assert recent.get(2) is None
    recent.saved(structs.replace(held(2), beacon_name="quick"))
    assert recent.get(2) is not None  # what is set does not count for who has it already


async def test_a_job_that_was_stored_is_not_refused_because_settings_cannot_be_read():
    recent = RecentJobs(Closed())

    await recent.added(new_job(1))

    assert recent.get(1) is None


def test_before_settings_are_known_no_waiting_job_is_used():
    recent = RecentJobs(SettingsAlone())

    recent.saved(new_job(3))

    assert recent.get(3) is None


@pytest.mark.parametrize(
    "job",
    [
        new_job(1, kind=TEMPLATE, queued_ms=None),
        new_job(1, tasks=b"x" * (MOST_BYTES + 1)),
        structs.replace(new_job(1), state=State.SUCCEEDED),
    ],
)
async def test_templates_long_tasks_and_ended_jobs_are_not_remembered(job):
    recent = RecentJobs(SettingsAlone())

    await recent.added(job)

    assert recent.get(1) is None


async def test_nothing_is_remembered_of_a_store_that_others_use_too():
    store = Shared()
    recent = RecentJobs(store)

    await recent.added(new_job(1))
    recent.saved(held(2))

    assert (recent.get(1), recent.get(2), store.looks) == (None, None, 0)


def test_the_job_that_was_stored_longest_ago_makes_room(monkeypatch):
    monkeypatch.setattr(module, "MOST_JOBS", 2)
    recent = RecentJobs(SettingsAlone())

    for number in (1, 2, 1, 3):
        recent.saved(held(number))

    assert [recent.get(number) is not None for number in (1, 2, 3)] == [True, False, True]
