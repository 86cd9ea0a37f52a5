"""Long tasks in the store, on each database: claims, fences, job logs, and who is to be told."""

from __future__ import annotations

import msgspec
import pytest

from drover.app.job_logs import shown
from drover.model.errors import Duplicate, Missing, TooLarge
from drover.model.execution import State
from drover.model.run import Actor, Change
from drover.model.task import ASIDE, Advance, Ending, NewTask
from drover.ports.tasks import LogsWanted
from drover.query.kinds import APPLICATION_JOB_LOGS
from drover.query.losant import parse
from tests.contract.jobs_store import APPLICATION, Bench

NOW = 1_700_000_000_000
KINDS = ("archive_data", "application_export")


class Logs(Bench):
    """Long tasks, and short names for what tests do with them."""

    async def ask(self, name="ArchiveData", now_ms=NOW, **changes):
        self.count += 1
        new = NewTask(
            **{
                "id": f"{self.count:024x}",
                "kind": "archive_data",
                "name": name,
                "application_id": APPLICATION,
                "resource_id": APPLICATION,
                **changes,
            }
        )
        return await self.tasks(lambda tasks: tasks.add(new, now_ms))

    async def tasks(self, work):
        return await self.store.write(lambda session: work(session.tasks))

    async def take(self, now_ms=NOW, worker="w"):
        return await self.tasks(lambda tasks: tasks.claim(KINDS, worker, now_ms, now_ms + 1000))

    async def end(self, execution, goal, ending):
        if goal is State.FAILED:
            await self.move(execution.number, Change(goal=State.FAILING))
        await self.tasks(lambda tasks: tasks.note_end(execution.number, ending))
        await self.move(execution.number, Change(goal=goal, error=ending.message))

    async def page(self, query=None, **wanted):
        node = parse(query or {}, APPLICATION_JOB_LOGS)
        return await self.tasks(lambda t: t.logs(APPLICATION, LogsWanted(query=node, **wanted)))

    async def names(self, query=None, **wanted):
        logs, total = await self.page(query, **wanted)
        return [each.execution.name for each in logs], total


@pytest.fixture
def logs(database):
    return Logs(database)


async def test_a_task_is_taken_once_until_its_lease_is_over(logs):
    asked = await logs.ask()

    first = await logs.take()
    assert await logs.take() is None
    again = await logs.take(now_ms=NOW + 1001, worker="x")

    assert (first.number, first.state, first.started_ms) == (asked.number, State.RUNNING, NOW)
    assert (first.fence, first.tries, again.fence, again.tries) == (1, 1, 2, 2)
    assert (again.worker, again.started_ms) == ("x", NOW)


async def test_kinds_that_a_server_does_not_know_are_left_alone(logs):
    await logs.ask(kind="application_import")

    assert await logs.take() is None


async def test_an_old_fence_holds_nothing(logs):
    await logs.ask()
    first = await logs.take()
    await logs.take(now_ms=NOW + 1001)

    held = await logs.tasks(lambda tasks: tasks.hold(first.number, first.fence))

    assert held is None


async def test_what_is_let_go_of_is_there_for_others(logs):
    await logs.ask()
    taken = await logs.take()

    await logs.tasks(lambda t: t.leave(taken.number, taken.fence, NOW, forgiven=True))

    again = await logs.take()
    assert (again.number, again.tries) == (taken.number, 1)


async def test_progress_and_checkpoint_are_kept(logs):
    await logs.ask()
    taken = await logs.take()

    far = Advance(done=7, total=5, note="rows", checkpoint=b'{"after":1}')
    await logs.tasks(lambda tasks: tasks.advance(taken.number, far, NOW + 5000))
    await logs.tasks(lambda t: t.advance(taken.number, Advance(done=8, total=9), NOW + 5000))

    log = await logs.tasks(lambda tasks: tasks.log(APPLICATION, taken.id))
    assert (log.execution.succeeded, log.execution.total) == (8, 9)
    assert (log.execution.accumulator, log.note) == ('{"after":1}', "")


async def test_a_unique_key_is_asked_for_once_in_an_application(logs):
    await logs.ask(unique_key="daily:2026-01-01")

    with pytest.raises(Duplicate):
        await logs.ask(unique_key="daily:2026-01-01")

    await logs.ask(unique_key="daily:2026-01-01", application_id="e" * 24)


async def test_only_an_applications_own_logs_are_found(logs):
    asked = await logs.ask()
    await logs.ask(application_id="e" * 24)

    _, total = await logs.names()

    assert total == 1
    with pytest.raises(Missing):
        await logs.tasks(lambda tasks: tasks.log("e" * 24, asked.id))


async def test_unfinished_tasks_are_counted(logs):
    await logs.ask()
    await logs.ask()
    taken = await logs.take()
    await logs.end(taken, State.SUCCEEDED, Ending(output={}))

    assert await logs.tasks(lambda tasks: tasks.count_open(APPLICATION)) == 1


async def test_every_way_to_end_has_its_word(logs):
    endings = {
        "completed": (State.SUCCEEDED, Ending(output={"removed": 3})),
        "errored": (State.FAILED, Ending(error_name="Validation", message="no such date")),
        "failed": (State.FAILED, Ending(error_name=ASIDE, message="fault")),
    }
    for name in endings:
        await logs.ask(name)
    for goal, ending in endings.values():
        taken = await logs.take()
        await logs.end(taken, goal, ending)
    await logs.ask("inProgress")
    await logs.take()
    await logs.ask("queued")
    canceled = await logs.ask("errored")
    await logs.move(canceled.number, Change(goal=State.CANCELED))

    found, total = await logs.page()

    assert total == 6
    assert all(each.status == each.execution.name for each in found)
    assert shown(found[0])["output"] == {"removed": 3}
    assert shown(found[1])["error"] == {"name": "Validation", "message": "no such date"}


async def test_logs_are_sorted_paged_and_sought(logs):
    for index, name in enumerate(["b", "a", "c"]):
        await logs.ask(name, NOW + index)
    await logs.take()

    assert await logs.names() == (["b", "a", "c"], 3)
    assert await logs.names(sort_field="name", descending=True, limit=2) == (["c", "b"], 3)
    assert await logs.names(sort_field="name", offset=1, limit=1) == (["b"], 3)
    assert await logs.names({"status": "inProgress"}) == (["b"], 1)
    assert await logs.names({"name": {"$in": ["a", "c"]}}) == (["a", "c"], 2)
    assert await logs.names({"runQueuedAt": {"$gt": NOW}}) == (["a", "c"], 2)
    assert await logs.names({"runStartedAt": None}) == (["a", "c"], 2)
    assert (await logs.names(sort_field="runStartedAt"))[0][0] == "b"
    assert await logs.names({"resourceId": APPLICATION, "resourceType": "device"}) == ([], 0)


async def test_logs_of_too_many_bytes_are_refused_together(logs):
    for _ in range(2):
        await logs.ask(input={"deviceIds": [APPLICATION] * 10})

    assert len((await logs.page(most_bytes=1000))[0]) == 2
    assert len((await logs.page(most_bytes=400, limit=1))[0]) == 1
    with pytest.raises(TooLarge, match="ask for fewer"):
        await logs.page(most_bytes=400)


async def test_a_log_shows_who_asked_for_what_and_when(logs):
    asked = await logs.ask(
        input={"date": 1, "emails": ["a@example.com"]},
        source=Actor(type="user", id="c" * 24),
        resource_type="device",
        resource_id="d" * 24,
        total=4,
    )

    log = shown(await logs.tasks(lambda tasks: tasks.log(APPLICATION, asked.id)))

    assert log == {
        "id": asked.id,
        "jobId": asked.id,
        "jobExecutionId": asked.id,
        "name": "ArchiveData",
        "status": "queued",
        "runQueuedAt": "2023-11-14T22:13:20.000Z",
        "resourceType": "device",
        "resourceId": "d" * 24,
        "progress": {"completed": 0, "total": 4},
        "input": {"date": 1, "emails": ["a@example.com"]},
        "applicationId": APPLICATION,
        "ownerType": "application",
        "ownerId": APPLICATION,
        "requestedById": "c" * 24,
        "requestedByType": "user",
    }


async def test_whoever_is_to_be_told_is_found_after_the_end_alone(logs):
    await logs.ask(emails=("a@example.com",), callback_url="https://example.com/x")
    quiet = await logs.ask()
    taken = await logs.take()
    before = await logs.tasks(lambda tasks: tasks.to_tell(NOW))
    await logs.end(taken, State.SUCCEEDED, Ending(output={}))
    await logs.move(quiet.number, Change(goal=State.CANCELED))

    found = await logs.tasks(lambda tasks: tasks.to_tell(NOW))
    (told,) = await logs.tasks(lambda tasks: tasks.claim_telling(NOW, NOW + 10, 20))
    others = await logs.tasks(lambda tasks: tasks.claim_telling(NOW, NOW + 10, 20))

    assert (before, found, others) == (False, True, [])
    assert (told.tries, told.log.emails, told.log.callback_url) == (
        1,
        ("a@example.com",),
        "https://example.com/x",
    )

    left = msgspec.structs.replace(told.log, emails=())
    await logs.tasks(lambda tasks: tasks.told(told, left, NOW + 5))
    (again,) = await logs.tasks(lambda tasks: tasks.claim_telling(NOW + 5, NOW + 10, 20))
    assert (again.tries, again.log.emails) == (2, ())
    await logs.tasks(lambda tasks: tasks.told(again, left, None))
    assert not await logs.tasks(lambda tasks: tasks.to_tell(NOW + 1000))


async def test_a_task_goes_with_its_execution(logs):
    asked = await logs.ask()
    sql = "DELETE FROM execution WHERE number = :number"
    await logs.database.write(lambda tx: tx.execute_sql(sql, {"number": asked.number}))

    assert await logs.names() == ([], 0)
