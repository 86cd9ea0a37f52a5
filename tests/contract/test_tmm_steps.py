"""What looks for a few jobs among many looks at few, on both stores."""

from __future__ import annotations

import pytest
import pytest_asyncio

from drover.ports.beacons import Sight, Sought
from drover.query.tree import Compare, Missing, Operator, all_of, any_of
from drover.store.beacons import BeaconStore
from tests.support.counted_steps import CountedSteps

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY = 20_000
FEW = MANY // 10
"""Steps of the database that a look at a few jobs takes no more of; at all it takes many times."""

OF_X = Compare("beacon_name", Operator.EQUAL, "x")
NEVER = Missing("pickup_time")
ZERO = any_of([Compare("pickup_time", Operator.EQUAL, 0), NEVER])
STATES = [Compare("status", Operator.EQUAL, word) for word in ("new", "queued")]


async def _multiply(tmm, number, times, **columns):
    """Store a job again and again, with some columns of its own."""
    rows = await tmm.database.read(
        lambda tx: tx.fetch_sql(
            "SELECT * FROM execution WHERE number = :number", {"number": number}
        )
    )
    told = await tmm.database.read(
        lambda tx: tx.fetch_sql(
            "SELECT * FROM beacon_job WHERE number = :number", {"number": number}
        )
    )
    left_out = {"number", "status", "id"}
    execution = {key: rows[0][key] for key in dict(rows[0]) if key not in left_out} | columns
    job = {key: told[0][key] for key in dict(told[0]) if key != "number"}

    async def work(tx):
        last = (await tx.fetch_sql("SELECT max(number) AS last FROM execution"))[0]["last"]
        numbers = range(last + 1, last + 1 + times)
        await tx.copy_rows(
            "execution",
            ("number", "id", *execution),
            [(each, f"{each:024x}", *execution.values()) for each in numbers],
        )
        await tx.copy_rows(
            "beacon_job", ("number", *job), [(each, *job.values()) for each in numbers]
        )
        if tx.dialect == "postgres":
            await tx.execute_sql("ANALYZE execution, beacon_job")
            await tx.execute_sql(
                f"ALTER TABLE execution ALTER COLUMN number RESTART WITH {last + times + 1}"
            )

    await tmm.database.write(work)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def crowded(tmm_of_the_module):
    """A server with many jobs that have ended or wait for another beacon; and those of one."""
    tmm = tmm_of_the_module
    ended = await tmm.create(beacon_name="x", callback_url="http://x.test/")
    await tmm.act(ended, "pickup")
    await tmm.act(ended, "end")
    await _multiply(tmm, ended, MANY)
    waiting = await tmm.create(beacon_name="y", callback_url="http://y.test/")
    await _multiply(tmm, waiting, MANY)
    await tmm.database.write(
        lambda tx: tx.execute_sql(
            "UPDATE beacon_job SET callback_due_ms = NULL WHERE callback_host = 'x.test'"
        )
    )
    made = {
        "new": await tmm.create(beacon_name="x", q="0"),
        "queued": await tmm.create(beacon_name="x"),
        "canceled": await tmm.create(beacon_name="x"),
    }
    taken = await tmm.create(beacon_name="x")
    await tmm.act(made["canceled"], "cancel")
    await tmm.act(taken, "pickup")
    yield tmm, made
    await tmm.forget()


async def _counted(tmm, work):
    """Return what work in the store comes to, and how many steps it took."""

    async def counted(tx):
        steps = CountedSteps(tx)
        return await work(BeaconStore(steps)), steps.steps

    return await tmm.database.read(counted)


@pytest.mark.parametrize(
    ("untaken", "shown"),
    [(NEVER, ("new", "queued", "canceled")), (ZERO, ("new", "queued", "canceled"))]
    + [(state, (state.value,)) for state in STATES],
)
async def test_who_asks_for_what_nobody_has_taken_of_a_beacon_looks_at_no_others(
    crowded, untaken, shown
):
    tmm, made = crowded
    sought = Sought(Sight(), all_of([OF_X, untaken]))

    page, to_list = await _counted(
        tmm, lambda store: store.page(sought, after=0, offset=0, limit=9)
    )
    count, to_count = await _counted(tmm, lambda store: store.count(sought))

    assert [job.number for job in page] == [made[each] for each in shown]
    assert count == len(shown)
    assert max(to_list, to_count) < FEW


async def test_a_list_of_what_ended_looks_at_many(crowded):
    tmm, _ = crowded
    sought = Sought(Sight(), all_of([OF_X, Compare("status", Operator.EQUAL, "canceled")]))

    _, steps = await _counted(tmm, lambda store: store.count(sought))

    assert steps > MANY  # so that the steps of the others are known to be counted


async def test_where_many_wait_a_list_passes_over_what_came_before_them(crowded, monkeypatch):
    tmm, _ = crowded
    monkeypatch.setattr("drover.store.beacons.MOST_UNTAKEN", 20)
    waiting = all_of([Compare("beacon_name", Operator.EQUAL, "y"), NEVER])
    sought = Sought(Sight(), waiting)

    page, steps = await _counted(tmm, lambda store: store.page(sought, after=0, offset=1, limit=9))
    rest, more_steps = await _counted(
        tmm, lambda store: store.page(sought, after=page[-1].number, offset=0, limit=9)
    )
    count, _ = await _counted(tmm, lambda store: store.count(sought))

    numbers = [job.number for job in (*page, *rest)]
    assert numbers == list(range(numbers[0], numbers[0] + 18))
    assert count == MANY + 1
    assert max(steps, more_steps) < FEW


async def test_a_page_goes_on_behind_a_number_where_few_wait(crowded):
    tmm, made = crowded
    sought = Sought(Sight(), all_of([OF_X, NEVER]))

    page, _ = await _counted(
        tmm, lambda store: store.page(sought, after=made["new"], offset=1, limit=9)
    )

    assert [job.number for job in page] == [made["canceled"]]


async def test_who_looks_for_due_callbacks_steps_over_no_jobs_that_have_not_ended(crowded):
    tmm, _ = crowded

    hosts, steps = await _counted(tmm, lambda store: store.to_call(2**40, "", 10))

    assert hosts == []
    assert steps < FEW
