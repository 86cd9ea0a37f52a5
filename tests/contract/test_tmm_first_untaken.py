"""A list of what nobody has taken of a beacon where many wait, on both stores."""

from __future__ import annotations

import pytest

from drover.ports.beacons import Sight, Sought
from drover.query.tree import Compare, Missing, Operator, all_of
from drover.store.beacons import BeaconStore

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "states",
    [
        "other other other queued queued queued",
        "other canceled other queued ended queued new",
        "canceled canceled new other",
        "other new other other new queued",
        "ended queued other queued running queued canceled",
        "new queued",
    ],
)
async def test_where_many_wait_the_first_that_nobody_has_begins_the_list(tmm, monkeypatch, states):
    monkeypatch.setattr("drover.store.beacons.MOST_UNTAKEN", 2)
    numbers = [await _job_in(tmm, state) for state in states.split()]
    untaken = [
        number
        for number, state in zip(numbers, states.split(), strict=True)
        if state in {"queued", "new", "canceled"}
    ]
    sought = Sought(
        Sight(), all_of([Compare("beacon_name", Operator.EQUAL, "x"), Missing("pickup_time")])
    )

    async def work(tx):
        store = BeaconStore(tx)
        return await store.page(sought, after=0, offset=0, limit=9), await store.count(sought)

    page, count = await tmm.database.read(work)

    assert [job.number for job in page] == untaken
    assert count == len(untaken)


async def _job_in(tmm, state):
    """Create a job of the beacon x in a state, or one that waits for another beacon."""
    if state == "other":
        return await tmm.create(beacon_name="other")
    number = await tmm.create(beacon_name="x", q="0" if state == "new" else "1")
    ways = {"canceled": ("cancel",), "running": ("start",), "ended": ("start", "end")}
    for action in ways.get(state, ()):
        await tmm.act(number, action)
    return number
