"""An agent against a server in memory: order of calls, refusals, several jobs."""

from __future__ import annotations

import asyncio
import time

import pytest

from drover.client import ClientError
from drover.workers.beacon import agent as agent_module
from drover.workers.beacon import job_run
from drover.workers.beacon.backoff import Backoff
from tests.support.scripted_work import ScriptedWork, away, refusing

pytestmark = pytest.mark.usefixtures("no_waits")


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


@pytest.mark.parametrize(("held_s", "anew"), [(0.0, 4), (3600.0, 1)])
async def test_who_is_cut_off_after_a_long_wait_asks_again_as_soon_as_at_first(
    agent_of, monkeypatch, held_s, anew
):
    work, questions, resets = ScriptedWork([]), [], []

    def trouble(call):
        questions.append(call)
        if len(questions) < 4:
            away()

    def reset(backoff):
        resets.append(backoff)

    work.trouble = trouble
    monkeypatch.setattr(agent_module, "HELD_S", held_s)
    monkeypatch.setattr(Backoff, "reset", reset)
    agent = agent_of(work)

    await agent.run()

    assert resets.count(agent._backoff) == anew


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


HOUR_S = 3600


class TimedWork(ScriptedWork):
    """Hands out jobs that were picked up so long ago, by the clock here; keeps when lines were."""

    def __init__(self, *ages_s: int) -> None:
        super().__init__(*([{"command": "echo here"}] for _ in ages_s))
        self.now_s = int(time.time())
        self.moments: list[int] = []
        for number, age_s in enumerate(ages_s, 1):
            self._now(number, pickup_time=self.now_s - age_s)

    def log(self, job, lines):
        self.moments += [round((self.now_s - line.time) / HOUR_S) for line in lines]
        return super().log(job, lines)


def losing_the_answer(work, number):
    """Let a job be handed out by an answer that is lost."""

    def trouble(call):
        waiting = [job.id for job in work.jobs.values() if job.status == "queued"]
        if call[0] == "take_next" and waiting[:1] == [number]:
            work._now(number, status="picked_up", worker="w", fence=1)
            away()

    return trouble


async def test_a_job_that_was_picked_up_long_ago_does_not_tell_the_time(agent_of):
    work = TimedWork(5 * HOUR_S)
    work.trouble = losing_the_answer(work, 1)

    await agent_of(work).run()

    assert work.named("pick_up")
    assert work.moments == [0]


async def test_the_servers_clock_is_known_from_the_job_that_was_handed_out_last(agent_of):
    work = TimedWork(2 * HOUR_S, 7 * HOUR_S)
    agent = agent_of(work, once=False)
    lose = losing_the_answer(work, 2)

    def trouble(call):
        if len(work.endings) == 2:
            agent.stop()
        lose(call)

    work.trouble = trouble

    await agent.run()

    assert work.named("pick_up") == [("pick_up", 2)]
    assert work.moments == [2, 2]


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


async def test_what_breaks_the_agent_itself_fails_the_job(agent_of, monkeypatch):
    def broken(_run):
        raise ZeroDivisionError

    monkeypatch.setattr(job_run.JobRun, "_ending", broken)
    work = ScriptedWork([call_of("nobody")])

    await agent_of(work).run()

    assert work.endings[1].failed
    assert "the beacon failed" in work.endings[1].error
