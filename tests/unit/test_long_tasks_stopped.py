"""Long tasks that are cancelled, stopped or overtaken: they end, and write nothing more."""

import asyncio

import pytest

from drover.model.execution import State
from drover.model.run import Change
from drover.ports.tasks import TaskCanceled
from tests.support.task_world import LONG_MS, Doing, World, forever, idle


@pytest.fixture
async def world(sqlite_database):
    made = World(sqlite_database)
    yield made
    for runner in made.runners:
        await runner.drain(60)


async def test_a_cancel_ends_what_runs(world):
    work = Doing(forever)
    asked = await world.ask()
    runner = world.runner(work, beat_ms=1)
    await runner.tick()
    await work.began.wait()

    await world.move(asked.number, Change(goal=State.CANCELING))
    await idle(runner)

    log = await world.log(asked)
    assert (log.execution.state, log.status, log.error_name) == ("canceled", "errored", "Canceled")


async def test_a_cancel_that_is_told_of_is_heard_before_the_next_heartbeat(world):
    work = Doing(forever)
    asked = await world.ask()
    runner = world.runner(work)
    await runner.tick()
    await work.began.wait()

    world.signals.stops.here()  # something else was told to stop
    await world.move(asked.number, Change(goal=State.CANCELING))
    world.signals.stops.here()
    await idle(runner)

    assert (await world.get(asked.number)).state is State.CANCELED


async def test_stops_that_are_told_of_are_gathered_before_the_store_is_asked(world, monkeypatch):
    monkeypatch.setattr("drover.engine.tasks.GATHER_S", LONG_MS)
    looked, enough = [], asyncio.Event()
    work = Doing(lambda _task: _until(enough))
    asked = await world.ask()
    runner = world.runner(work)
    await runner.tick()
    await work.began.wait()

    async def look():
        looked.append(True)

    work.task.renew = look
    for _ in range(100):
        world.signals.stops.here()
        await asyncio.sleep(0)
    enough.set()
    await idle(runner)

    assert looked == []
    assert (await world.get(asked.number)).state is State.SUCCEEDED


async def test_a_task_that_was_told_to_stop_can_write_nothing_more(world):
    told = asyncio.Event()

    async def run(task):
        await told.wait()
        with pytest.raises(TaskCanceled):
            await task.save({"after": 1})
        await task.progress(1, 2)

    work = Doing(run)
    asked = await world.ask()
    runner = world.runner(work)
    await runner.tick()
    await work.began.wait()
    await world.move(asked.number, Change(goal=State.CANCELING))
    told.set()
    await idle(runner)

    ended = await world.get(asked.number)
    assert (ended.state, ended.accumulator) == (State.CANCELED, None)


async def test_one_that_nobody_runs_when_it_is_canceled_ends_all_the_same(world):
    work = Doing(forever)
    asked = await world.ask()
    one = world.runner(work)
    await one.tick()
    await work.began.wait()
    await world.move(asked.number, Change(goal=State.CANCELING))
    await world.lose(asked)

    two = world.runner(Doing(forever), worker="two")
    await two.tick()
    await idle(two)

    assert (await world.get(asked.number)).state is State.CANCELED


async def test_one_past_its_time_fails_with_the_reason(world):
    work = Doing(forever)
    asked = await world.ask()
    runner = world.runner(work, beat_ms=1)
    await runner.tick()
    await work.began.wait()

    await world.move(asked.number, Change(goal=State.FAILING, error="It ran too long"))
    await idle(runner)

    log = await world.log(asked)
    assert (log.status, log.error_name, log.execution.error) == (
        "errored",
        "Timeout",
        "It ran too long",
    )


async def test_a_stop_hands_it_back_at_once_and_does_not_count_the_try(world):
    work = Doing(forever)
    asked = await world.ask()
    one = world.runner(work)
    await one.tick()
    await work.began.wait()

    await one.drain(60)
    await one.tick()

    left = await world.get(asked.number)
    assert (left.state, left.tries, one.running) == (State.RUNNING, 0, 0)
    two = world.runner(Doing(forever), worker="two")
    await two.tick()
    assert two.running == 1


async def test_a_cancel_wins_over_an_output_that_came_too_late(world):
    async def run(_task):
        await world.move(asked.number, Change(goal=State.CANCELING))
        return {"late": True}

    asked = await world.ask()
    runner = world.runner(Doing(run))
    await runner.tick()
    await idle(runner)

    ended = await world.get(asked.number)
    assert (ended.state, ended.result) == (State.CANCELED, None)


async def test_an_end_of_one_that_went_on_elsewhere_changes_nothing(world):
    async def run(task):
        sql = "UPDATE execution SET fence = fence + 1 WHERE number = :number"
        number = task.execution.number
        await world.database.write(lambda tx: tx.execute_sql(sql, {"number": number}))
        return {"mine": True}

    asked = await world.ask()
    runner = world.runner(Doing(run))
    await runner.tick()
    await idle(runner)

    ended = await world.get(asked.number)
    assert (ended.state, ended.result) == (State.RUNNING, None)


async def _until(event):
    await event.wait()
    return {}
