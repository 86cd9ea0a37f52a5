"""The runner of long tasks over a real store: leases, checkpoints, ends."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from drover.model.errors import Flaw, Invalid, Unavailable
from drover.model.execution import State
from drover.model.task import LogStatus
from drover.ports.failures import StoreLost
from drover.ports.tasks import TaskLost
from tests.support.task_world import Doing, Telling, World, forever, idle


@pytest.fixture
async def world(sqlite_database):
    made = World(sqlite_database)
    yield made
    for runner in made.runners:
        await runner.drain(60)


async def test_a_task_runs_with_its_input_and_keeps_its_output(world):
    async def run(task):
        await task.progress(1, 4, "devices")
        await task.save({"after": "x"})
        (Path(task.folder) / "part").touch()
        task.keep("archives/one.csv")
        return {"seen": dict(task.input), "folder": task.folder}

    asked = await world.ask()
    runner = world.runner(Doing(run), beat_ms=1)
    await runner.tick()
    await idle(runner)

    log = await world.log(asked)
    result = msgspec.json.decode(log.execution.result)
    assert log.status is LogStatus.COMPLETED
    assert result["seen"] == {"date": 7}
    assert not _is_there(result["folder"])
    assert (log.execution.succeeded, log.execution.total, log.note) == (1, 4, "devices")
    assert log.execution.report_key == "archives/one.csv"
    assert log.execution.state is State.SUCCEEDED
    assert runner.running == 0


async def test_work_that_wants_to_is_told_how_its_task_ended_in_the_same_unit_of_work(world):
    async def run(task):
        if task.input["date"]:
            raise Invalid("not that day")
        return {}

    work = Telling(run)
    asked = [await world.ask(input={"date": date}) for date in (0, 1)]
    runner = world.runner(work, most=2)
    await runner.tick()
    await idle(runner)

    ends = [(asked[0].id, LogStatus.COMPLETED), (asked[1].id, LogStatus.ERRORED)]
    assert sorted(work.told) == sorted(ends)


class Faulty(Telling):
    """One that can never store it."""

    async def ended(self, session, task):
        await super().ended(session, task)
        raise StoreLost("it never works")


async def test_a_task_ends_in_the_end_also_where_what_it_has_to_store_then_fails(world):
    ran = []

    async def run(task):
        ran.append(task.id)
        return {}

    work = Faulty(run)
    asked = await world.ask()
    runner = world.runner(work, tries=2)
    for _ in range(4):
        await runner.tick()
        await idle(runner)
        await world.lose(asked)

    log = await world.log(asked)
    assert (log.status, log.execution.tries) == (LogStatus.FAILED, 4)
    assert (len(ran), len(work.told)) == (2, 3)
    assert "again and again" in log.execution.error


async def test_what_a_task_is_and_who_asked_is_told_to_it(world):
    work = Doing(forever)
    asked = await world.ask(application_id=None)
    runner = world.runner(work)
    await runner.tick()
    await work.began.wait()

    task = work.task

    assert (task.id, task.application_id) == (asked.id, "")
    assert (task.source.type, task.checkpoint, task.cancelled) == ("system", None, False)


async def test_no_more_run_at_a_time_than_there_is_room_for(world):
    work = Doing(forever)
    for _ in range(3):
        await world.ask()
    runner = world.runner(work, most=2)

    await runner.tick()
    await runner.tick()

    assert runner.running == 2


async def test_a_task_whose_server_fell_silent_goes_on_elsewhere_at_its_checkpoint(world):
    saved = asyncio.Event()

    async def first(task):
        await task.save({"after": 5})
        saved.set()
        await asyncio.Event().wait()

    async def second(task):
        return {"from": task.checkpoint["after"]}

    lost = Doing(first)
    asked = await world.ask()
    one = world.runner(lost, worker="one")
    await one.tick()
    await saved.wait()
    await world.lose(asked)
    two = world.runner(Doing(second), worker="two")
    await two.tick()
    await idle(two)

    with pytest.raises(TaskLost):
        await lost.task.save({"after": 6})

    await one.drain(60)
    log = await world.log(asked)
    assert msgspec.json.decode(log.execution.result) == {"from": 5}
    assert (log.status, log.execution.tries, lost.task.cancelled) == ("completed", 2, True)


async def test_a_heartbeat_finds_out_that_the_task_was_lost(world):
    work = Doing(forever)
    asked = await world.ask()
    one = world.runner(work, beat_ms=1)
    await one.tick()
    await work.began.wait()

    sql = "UPDATE execution SET fence = fence + 1 WHERE number = :number"
    await world.database.write(lambda tx: tx.execute_sql(sql, {"number": asked.number}))
    await idle(one)

    assert (await world.get(asked.number)).state is State.RUNNING


async def test_a_refusal_fails_it_with_its_name_and_reason(world):
    async def run(_task):
        raise Invalid("There is no such date")

    asked = await world.ask()
    runner = world.runner(Doing(run))
    await runner.tick()
    await idle(runner)

    log = await world.log(asked)
    assert (log.status, log.error_name) == (LogStatus.ERRORED, "Validation")
    assert log.execution.error == "There is no such date"


async def test_the_flaws_of_what_was_given_are_its_output(world):
    async def run(_task):
        raise Invalid("It cannot be", flaws=(Flaw("a.yaml", "no name", id="1" * 24, name="A"),))

    asked = await world.ask()
    runner = world.runner(Doing(run))
    await runner.tick()
    await idle(runner)

    log = await world.log(asked)
    assert (log.status, log.execution.error) == (LogStatus.ERRORED, "It cannot be")
    (flaw,) = json.loads(log.execution.result)["validationErrors"]
    assert flaw == {"type": "Validation", "name": "A", "id": "1" * 24, "message": "no name"}


async def test_a_fault_of_ours_fails_it_without_telling_its_secrets(world):
    async def run(_task):
        raise RuntimeError("password")

    asked = await world.ask()
    runner = world.runner(Doing(run))
    await runner.tick()
    await idle(runner)

    log = await world.log(asked)
    assert (log.status, log.error_name) == (LogStatus.FAILED, "Failed")
    assert "password" not in log.execution.error


async def test_what_may_come_back_is_tried_again_and_given_up_in_the_end(world):
    async def run(_task):
        raise Unavailable("away")

    asked = await world.ask()
    runner = world.runner(Doing(run), tries=2)
    for _ in range(3):
        await runner.tick()
        await idle(runner)
        await world.lose(asked)

    log = await world.log(asked)
    assert (log.status, log.execution.tries) == (LogStatus.FAILED, 2)
    assert log.execution.error == "away"


async def test_one_whose_servers_die_again_and_again_is_given_up_in_the_end(world):
    asked = await world.ask()
    runners = [world.runner(Doing(forever), tries=2, worker=str(each)) for each in range(3)]

    for runner in runners:
        await world.lose(asked)
        await runner.tick()
    await idle(runners[-1])

    log = await world.log(asked)
    assert (log.status, log.execution.tries) == (LogStatus.FAILED, 3)
    assert "again and again" in log.execution.error
    for runner in runners:
        await runner.drain(60)


async def test_a_step_and_its_checkpoint_are_stored_together_or_not_at_all(world):
    async def run(task):
        async def half(session):
            await session.tasks.advance(task.execution.number, _far(9), 1)
            raise Invalid("half way")

        with pytest.raises(Invalid):
            await task.step(half)

        async def whole(_session):
            return {"after": 2}

        return await task.step(whole)

    asked = await world.ask()
    runner = world.runner(Doing(run))
    await runner.tick()
    await idle(runner)

    ended = await world.get(asked.number)
    assert (msgspec.json.decode(ended.result), ended.succeeded) == ({"after": 2}, 0)


async def test_a_heartbeat_bears_that_the_store_is_away_for_a_while(world):
    beats = asyncio.Event()
    work = Doing(lambda _task: _until(beats))
    asked = await world.ask()
    runner = world.runner(work, beat_ms=1)
    await runner.tick()
    await work.began.wait()

    async def away():
        beats.set()
        raise StoreLost("away")

    work.task.renew = away
    await idle(runner)

    assert (await world.get(asked.number)).state is State.SUCCEEDED


async def test_an_end_that_cannot_be_written_is_left_to_the_lease(world, monkeypatch):
    async def run(_task):
        async def away(_work):
            raise StoreLost("away")

        monkeypatch.setattr(world.store, "write", away)
        return {}

    asked = await world.ask()
    runner = world.runner(Doing(run))
    await runner.tick()
    await idle(runner)
    monkeypatch.undo()

    assert (await world.get(asked.number)).state is State.RUNNING


def _is_there(folder):
    return Path(folder).exists()


async def _until(event):
    await event.wait()
    return {}


def _far(done):
    from drover.model.task import Advance

    return Advance(done=done, total=done)
