"""An agent against a server in memory: order of calls, refusals, cancel, drain, delivery."""

from __future__ import annotations

import asyncio
import threading

import pytest

from drover.client import ClientError, ServerUnreachable
from drover.handlers import REGISTERED
from drover.workers.beacon import agent as agent_module
from drover.workers.beacon import deliveries, job_run
from drover.workers.beacon.agent import Agent
from drover.workers.beacon.backoff import Backoff
from drover.workers.beacon.settings import AgentSettings
from tests.support.scripted_work import ScriptedWork, away, refusing


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch):
    monkeypatch.setattr(Backoff, "next_s", lambda *_: 0.0)
    monkeypatch.setattr(job_run, "LINES_EVERY_S", 0.0)
    monkeypatch.setattr(agent_module, "LEAST_S", 0.0)


@pytest.fixture
def functions():
    """Functions that tasks may call, for one test."""
    before = dict(REGISTERED)
    yield REGISTERED
    REGISTERED.clear()
    REGISTERED.update(before)


@pytest.fixture
def agent_of(tmp_path):
    def make(work, **settings):
        given = {"spool": tmp_path / "spool", "once": True, "beat_s": 60.0, **settings}
        return Agent(work, AgentSettings(**given))

    return make


def call_of(name, value=None):
    return {"python": name, "input": value}


async def test_a_job_is_started_each_task_announced_and_its_results_handed_in(agent_of, functions):
    functions["double"] = lambda value: value * 2
    work = ScriptedWork([call_of("double", 2), call_of("double", "ab")])

    agent = agent_of(work)
    await agent.run()

    told = [call[:3] for call in work.calls if call[0] not in ("log", "end")]
    assert told == [
        ("take_next", ("default",)),
        ("start", 1),
        ("update", 1, 1),
        ("update", 1, 2),
    ]
    assert [r["value"] for r in work.endings[1].results] == [4, "abab"]
    assert [(r["task"], r["status"]) for r in work.endings[1].results] == [
        (1, "succeeded"),
        (2, "succeeded"),
    ]
    assert agent.failures == 0


async def test_after_a_task_that_fails_the_rest_is_skipped_and_the_job_fails(agent_of):
    work = ScriptedWork([call_of("nobody"), {"sql": 1}, call_of("nobody")])

    agent = agent_of(work)
    await agent.run()

    ending = work.endings[1]
    assert [r["status"] for r in ending.results] == ["failed", "skipped", "skipped"]
    assert ending.failed
    assert ending.error == "task 1: NotFound: No handler is registered as 'nobody'"
    assert agent.failures == 1


async def test_a_failure_that_is_tolerated_does_not_stop_the_job(agent_of, functions):
    functions["fine"] = lambda _: None
    work = ScriptedWork([{**call_of("nobody"), "continue_on_failure": True}, call_of("fine")])

    await agent_of(work).run()

    assert [r["status"] for r in work.endings[1].results] == ["failed", "succeeded"]
    assert not work.endings[1].failed


@pytest.mark.parametrize("tasks", [[7], [None], [{}], [{"command": 5}], [{"command": "a\0b"}]])
async def test_a_task_of_odd_type_fails_with_a_reason(agent_of, tasks):
    work = ScriptedWork(tasks)

    await agent_of(work).run()

    (result,) = work.endings[1].results
    assert result["status"] == "failed"
    assert result["error"]


async def test_a_job_without_tasks_completes(agent_of):
    work = ScriptedWork([])

    await agent_of(work).run()

    assert work.endings[1].results == []
    assert not work.endings[1].failed


async def test_once_with_nothing_to_do_ends_after_one_question(agent_of):
    work = ScriptedWork()

    await agent_of(work).run()

    assert [call[0] for call in work.calls] == ["take_next"]


async def test_a_server_that_is_away_is_asked_again(agent_of):
    work, questions = ScriptedWork([]), []

    def trouble(call):
        questions.append(call)
        if len(questions) < 4:
            away()

    work.trouble = trouble
    await agent_of(work).run()

    assert [call[0] for call in questions[:5]] == ["take_next", *["held"] * 3, "take_next"]
    assert 1 in work.endings


async def test_a_refusal_at_the_first_question_ends_the_agent(agent_of):
    work = ScriptedWork([])
    work.trouble = refusing(401, "take_next")

    with pytest.raises(ClientError, match="401"):
        await agent_of(work).run()


async def test_a_refusal_later_on_is_waited_out(agent_of):
    work = ScriptedWork([], [])
    agent = agent_of(work, once=False)

    def trouble(call):
        asked = len(work.named("take_next"))
        if call[0] == "take_next" and asked == 2:
            raise ClientError(401, "unauthorized", "revoked")
        if asked == 4:
            agent.stop()

    work.trouble = trouble
    await agent.run()

    assert set(work.endings) == {1, 2}


async def test_a_job_whose_answer_was_lost_is_found_again_and_done_once(agent_of):
    work, lost = ScriptedWork([]), []

    def trouble(call):
        if call[0] == "take_next" and not lost:
            lost.append(work._now(1, status="picked_up", worker="w", fence=1))
            away()

    work.trouble = trouble
    await agent_of(work).run()

    assert [call[0] for call in work.calls] == [
        "take_next",
        "held",
        "pick_up",
        "start",
        "end",
    ]


async def test_results_wait_on_disk_while_the_server_is_away_and_reach_it_once(agent_of, tmp_path):
    work, kept = ScriptedWork([]), []

    def trouble(call):
        if call[0] == "end" and len(work.named("end")) < 3:
            kept.extend((tmp_path / "spool").glob("*.json"))
            away()

    work.trouble = trouble
    await agent_of(work).run()

    assert len(kept) == 2
    assert len(work.named("end")) == 3
    assert list((tmp_path / "spool").iterdir()) == []


async def test_results_left_by_an_agent_are_handed_in_by_the_next(agent_of, monkeypatch, tmp_path):
    monkeypatch.setattr("drover.workers.beacon.agent.HAND_IN_S", 0.05)
    gone, back = ScriptedWork([call_of("nobody")]), ScriptedWork()
    gone.trouble = lambda call: away() if call[0] == "end" else None
    back.jobs = gone.jobs

    await agent_of(gone).run()
    assert len(list((tmp_path / "spool").glob("*.json"))) == 1
    await agent_of(back).run()

    assert back.endings[1].error.startswith("task 1: NotFound")
    assert list((tmp_path / "spool").iterdir()) == []


async def test_a_disk_that_is_full_does_not_keep_results_from_the_server(agent_of, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("drover.workers.beacon.spool.os.fsync", full)
    work = ScriptedWork([])

    await agent_of(work).run()

    assert 1 in work.endings


async def test_results_that_are_too_large_are_cut_and_the_job_fails(agent_of, functions):
    functions["large"] = lambda _: "x" * 9000
    work = ScriptedWork([call_of("large")])

    def trouble(call):
        if call[0] == "end" and "value" in call[2].results[0]:
            raise ClientError(413, "too_large", "too large")

    work.trouble = trouble
    await agent_of(work).run()

    assert work.endings[1].failed
    assert "too large" in work.endings[1].error


@pytest.mark.parametrize("status", [400, 413])
async def test_results_that_are_refused_whatever_their_size_fail_the_job(
    agent_of, functions, status
):
    functions["fine"] = lambda _: None
    work = ScriptedWork([call_of("fine")])

    def trouble(call):
        if call[0] == "end" and call[2].results:
            raise ClientError(status, "bad_param", "no")

    work.trouble = trouble
    await agent_of(work).run()

    assert work.endings[1].results == []
    assert work.endings[1].error == f"the server refused the results ({status})"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413])
async def test_results_that_are_refused_for_good_are_set_aside(agent_of, tmp_path, status):
    work = ScriptedWork([])
    work.trouble = refusing(status, "end")

    await agent_of(work).run()

    assert len(work.named("end")) == 1
    assert len(list((tmp_path / "spool" / "refused").iterdir())) == 1


async def test_results_accepted_with_a_lost_answer_are_not_set_aside(agent_of, tmp_path):
    work, ended = ScriptedWork([]), []

    def trouble(call):
        if call[0] != "end":
            return
        if ended:
            error = ClientError(409, "conflict", "ended")
            error.body = {"job": {"end_time": 1, "worker": "w", "fence": 1}}
            raise error
        ended.append(call)
        away()

    work.trouble = trouble
    await agent_of(work).run()

    assert list((tmp_path / "spool").iterdir()) == []


async def test_a_job_that_is_cancelled_is_broken_off_and_ended_with_what_there_is(
    agent_of, functions
):
    async def wait_for_ever(_):
        work.cancel(1)
        await asyncio.Event().wait()

    functions["wait"] = wait_for_ever
    functions["quick"] = lambda _: "done"
    work = ScriptedWork([call_of("quick"), call_of("wait"), call_of("quick")])

    await agent_of(work, beat_s=0.0).run()

    assert [r["status"] for r in work.endings[1].results] == ["succeeded", "canceled"]


async def test_a_job_cancelled_before_it_began_does_nothing(agent_of, functions):
    called = []
    functions["note"] = called.append
    work = ScriptedWork([call_of("note")])
    work.cancel(1)

    await agent_of(work).run()

    assert called == []
    assert work.endings[1].results == []


@pytest.mark.parametrize(("name", "status"), [("heartbeat", 409), ("update", 404), ("start", 409)])
async def test_a_job_that_is_lost_is_dropped_without_a_word(agent_of, functions, name, status):
    async def wait_for_ever(_):
        await asyncio.Event().wait()

    functions["wait"] = wait_for_ever
    work = ScriptedWork([call_of("wait")])
    work.trouble = refusing(status, name)

    await agent_of(work, beat_s=0.0).run()

    assert work.named("end") == []


async def test_a_job_that_the_server_has_ended_is_dropped(agent_of, functions):
    async def wait_for_ever(_):
        work._now(1, status="failed", end_time=1)
        await asyncio.Event().wait()

    functions["wait"] = wait_for_ever
    work = ScriptedWork([call_of("wait")])

    await agent_of(work, beat_s=0.0).run()

    assert work.named("end") == []


async def test_work_goes_on_while_the_server_cannot_be_told_of_it(agent_of, functions):
    functions["fine"] = lambda _: None
    work = ScriptedWork([call_of("fine")])
    work.trouble = lambda call: away() if call[0] in ("start", "update") else None

    await agent_of(work).run()

    assert [r["status"] for r in work.endings[1].results] == ["succeeded"]


async def test_told_to_stop_the_agent_asks_for_no_more_and_lets_work_end(agent_of, functions):
    release = threading.Event()

    async def first(_):
        agent.stop()
        await asyncio.sleep(0)
        release.set()

    functions["first"] = first
    work = ScriptedWork([call_of("first")], [])
    agent = agent_of(work, once=False)

    await agent.run()

    assert release.is_set()
    assert set(work.endings) == {1}
    assert work.named("release") == []


async def test_work_that_does_not_end_in_time_is_handed_back(agent_of, functions):
    async def wait_for_ever(_):
        agent.stop()
        await asyncio.Event().wait()

    functions["wait"] = wait_for_ever
    work = ScriptedWork([call_of("wait")])
    agent = agent_of(work, once=False, drain_s=0.0)

    await agent.run()

    assert work.named("release") == [("release", 1)]
    assert work.endings == {}


async def test_told_twice_the_agent_does_not_wait(agent_of, functions):
    async def wait_for_ever(_):
        agent.stop()
        agent.stop()
        await asyncio.Event().wait()

    functions["wait"] = wait_for_ever
    work = ScriptedWork([call_of("wait")])
    agent = agent_of(work, once=False, drain_s=3600.0)

    await agent.run()

    assert work.named("release") == [("release", 1)]


async def test_a_hand_back_that_fails_is_left_to_the_lease(agent_of, functions):
    async def wait_for_ever(_):
        agent.stop()
        await asyncio.Event().wait()

    functions["wait"] = wait_for_ever
    work = ScriptedWork([call_of("wait")])
    work.trouble = lambda call: away() if call[0] == "release" else None
    agent = agent_of(work, once=False, drain_s=0.0)

    await agent.run()

    assert work.endings == {}


async def test_an_agent_that_waits_says_goodbye_and_hands_back_what_comes_all_the_same(agent_of):
    work = ScriptedWork([], waits=True)
    work.late = work._now(1, status="picked_up", worker="w")
    agent = agent_of(work, once=False)
    asyncio.get_running_loop().call_later(0.01, agent.stop)

    await agent.run()

    assert [call[0] for call in work.calls] == ["take_next", "leave", "release"]


async def test_several_jobs_are_worked_on_at_once_up_to_the_limit(agent_of, functions):
    running, most = [], []
    together = asyncio.Event()

    async def meet(_):
        running.append(1)
        most.append(len(running))
        if len(running) == 3:
            together.set()
        await together.wait()
        running.pop()

    functions["meet"] = meet
    work = ScriptedWork(*[[call_of("meet")] for _ in range(6)])
    agent = agent_of(work, once=False, concurrency=3)

    def trouble(call):
        if call[0] == "take_next" and len(work.named("take_next")) > 6:
            agent.stop()

    work.trouble = trouble
    await agent.run()

    assert max(most) == 3
    assert set(work.endings) == set(range(1, 7))


async def test_lines_that_are_not_accepted_hold_up_the_end_for_a_moment_only(
    agent_of, functions, monkeypatch
):
    monkeypatch.setattr(job_run, "LAST_LINES_S", 0.05)
    work = ScriptedWork([{"command": "echo one; echo two"}])
    work.trouble = refusing(503, "log")

    await agent_of(work).run()

    assert work.lines == []
    assert work.endings[1].results[0]["output"] == "one\ntwo\n"


async def test_what_breaks_the_agent_itself_fails_the_job(agent_of, monkeypatch, tmp_path):
    work = ScriptedWork([call_of("nobody")])

    await agent_of(work, work_dir=tmp_path / "not there").run()

    assert work.endings[1].failed
    assert "the beacon failed" in work.endings[1].error


async def test_waiting_results_are_not_taken_for_a_lost_job(agent_of):
    work = ScriptedWork([])
    state = {"ends": 0, "takes": 0}

    def trouble(call):
        state["ends"] += call[0] == "end"
        state["takes"] += call[0] == "take_next"
        if call[0] == "start" or (call[0] == "end" and state["takes"] < 3):
            raise ServerUnreachable("away")
        if call[0] == "take_next" and state["takes"] == 2:
            raise ServerUnreachable("away")
        if state["takes"] == 4:
            agent.stop()

    work.trouble = trouble
    agent = agent_of(work, once=False)
    await agent.run()

    assert work.named("pick_up") == []
    assert set(work.endings) == {1}


async def test_deliveries_tell_what_is_left():
    class Never:
        def end(self, *_):
            away()

    class Nowhere:
        folder = "nowhere"

        def put(self, finished):
            return None

    from drover.client import BeaconJob
    from drover.client.beacon_work import Ending
    from drover.workers.beacon.spool import Finished

    late = deliveries.Deliveries(Never(), Nowhere())
    job = BeaconJob(id=1, name="n", status="running")
    await late.take(Finished(url="u", job=job, ending=Ending()))

    assert late.hold(1)
    assert not await late.finish(0.01)
