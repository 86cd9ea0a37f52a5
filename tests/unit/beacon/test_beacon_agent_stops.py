"""What breaks off the work of an agent: cancel, loss, a signal to stop."""

from __future__ import annotations

import asyncio
import tempfile
import threading

import pytest

from drover.workers.beacon import job_run
from drover.workers.beacon.agent import UNABLE_S
from drover.workers.beacon.backoff import Backoff
from drover.workers.beacon.settings import AgentSettings
from tests.support.scripted_work import ScriptedWork, away, refusing

pytestmark = pytest.mark.usefixtures("no_waits")


def call_of(name, value=None):
    return {"python": name, "input": value}


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


async def test_a_cancel_is_heard_with_the_answer_to_a_heartbeat_that_the_server_holds(
    agent_of, functions, monkeypatch
):
    canceled = threading.Event()

    class Holding(ScriptedWork):
        def heartbeat(self, job, wait_s=0):
            canceled.wait(60)
            return super().heartbeat(job, wait_s)

    async def wait_for_ever(_):
        work.cancel(1)
        canceled.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(job_run, "FIRST_BEAT_S", 0.0)
    functions["wait"] = wait_for_ever
    work = Holding([call_of("wait")])

    await agent_of(work, beat_s=30.0).run()

    assert [r["status"] for r in work.endings[1].results] == ["canceled"]
    assert work.named("heartbeat") == [("heartbeat", 1, 30)]


@pytest.mark.parametrize(
    ("beat_s", "concurrency", "seconds"), [(5.9, 1, 5), (0.5, 1, 0), (600.0, 1, 60), (5.0, 33, 0)]
)
def test_a_server_holds_heartbeats_as_long_as_they_are_apart_and_not_those_of_many_jobs(
    tmp_path, beat_s, concurrency, seconds
):
    settings = AgentSettings(spool=tmp_path, beat_s=beat_s, concurrency=concurrency)

    assert settings.hold_s == seconds


async def test_a_cancel_is_heard_with_the_answer_to_a_line(agent_of, functions):
    async def tell_and_wait_for_ever(_):
        work.cancel(1)
        [(run, _)] = agent._running.values()
        run._lines.tell("a line")
        await asyncio.Event().wait()

    functions["wait"] = tell_and_wait_for_ever
    work = ScriptedWork([call_of("wait")])
    agent = agent_of(work)

    await agent.run()

    assert work.lines == ["a line"]
    assert [r["status"] for r in work.endings[1].results] == ["canceled"]
    assert work.named("heartbeat") == []


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


async def test_a_job_that_there_is_no_folder_for_is_handed_back_and_not_failed(
    agent_of, functions, monkeypatch
):
    real, full = tempfile.mkdtemp, [True, True]

    def mkdtemp(**options):
        if full:
            full.pop()
            raise OSError(28, "No space left on device")
        return real(**options)

    class Again(ScriptedWork):
        def release(self, job):
            super().release(job)
            return self._now(job.id, status="queued")

    def note(_):
        agent.stop()
        return "done"

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    functions["note"] = note
    work = Again([call_of("note")])
    agent = agent_of(work, once=False)

    await agent.run()

    assert work.named("release") == [("release", 1)] * 2
    assert [call[0] for call in work.calls].count("start") == 1
    assert [r["status"] for r in work.endings[1].results] == ["succeeded"]


async def test_one_job_that_there_is_no_folder_for_ends_an_agent_that_was_to_do_one(
    agent_of, tmp_path
):
    work = ScriptedWork([call_of("note")])
    agent = agent_of(work, work_dir=tmp_path / "nowhere")

    await agent.run()

    assert work.endings == {}
    assert work.named("release") == [("release", 1)]
    assert agent.failures == 1


async def test_a_place_rests_after_a_job_that_there_was_no_folder_for(
    agent_of, tmp_path, monkeypatch
):
    rests = []
    monkeypatch.setattr(Backoff, "next_s", lambda _, *least: rests.append(least) or 600.0)
    work = ScriptedWork([], [])
    agent = agent_of(work, once=False, work_dir=tmp_path / "nowhere")
    running = asyncio.create_task(agent.run())

    while not rests:
        await asyncio.sleep(0)
    taken = work.named("take_next")
    agent.stop()
    await running

    assert rests == [(UNABLE_S,)]
    assert len(taken) == len(work.named("take_next")) == 1


async def test_a_job_that_comes_back_to_its_worker_is_done_anew_and_the_work_before_given_up(
    agent_of, functions
):
    begun, broken_off = [], []

    class Lapsing(ScriptedWork):
        """Hands its job out a second time while the first attempt still goes on."""

        def take_next(self, wanted):
            fence = len(self.named("take_next")) + 1
            self._called("take_next", wanted.names)
            if fence > 2:
                self.left.wait(60)
                return None
            if fence == 2:
                both.wait(60)
            return self._now(1, status="picked_up", worker=self.worker, fence=fence)

    async def work_on(_):
        begun.append(None)
        if len(begun) == 2:
            return "second"
        both.set()
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.append(None)

    both = threading.Event()
    functions["work"] = work_on
    work = Lapsing([call_of("work")])
    agent = agent_of(work, once=False, concurrency=2)
    running = asyncio.create_task(agent.run())

    while not work.endings or agent._running:
        await asyncio.sleep(0)
    agent.stop()
    await running

    assert len(broken_off) == 1
    assert [r["value"] for r in work.endings[1].results] == ["second"]
    assert len(work.named("end")) == 1
