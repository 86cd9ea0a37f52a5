"""Results of an agent against a server in memory: kept, delivered, cut, refused."""

from __future__ import annotations

import pytest
from msgspec import structs

from drover.client import ClientError, ServerUnreachable
from drover.workers.beacon import deliveries
from drover.workers.beacon.spool import Spool
from tests.support.scripted_work import ScriptedWork, away, refusing

pytestmark = pytest.mark.usefixtures("no_waits")


def call_of(name, value=None):
    return {"python": name, "input": value}


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


async def test_lines_that_the_server_was_away_for_come_before_the_results(agent_of):
    work = ScriptedWork([{"command": "echo one; echo two"}])

    def trouble(call):
        if call[0] == "log" and len(work.named("end")) == 0 and len(work.named("log")) < 4:
            away()

    work.trouble = trouble
    await agent_of(work).run()

    assert work.lines == ["one", "two"]
    assert [call[0] for call in work.calls][-2:] == ["log", "end"]


async def test_lines_left_by_an_agent_are_handed_in_by_the_next(agent_of, monkeypatch, tmp_path):
    monkeypatch.setattr("drover.workers.beacon.agent.HAND_IN_S", 0.05)
    first = ScriptedWork([{"command": "echo one"}])
    first.trouble = lambda call: away() if call[0] in ("log", "end") else None
    await agent_of(first).run()

    second = ScriptedWork()
    second.jobs = first.jobs
    monkeypatch.setattr("drover.workers.beacon.agent.HAND_IN_S", 60.0)
    await agent_of(second).run()

    assert second.lines == ["one"]
    assert list(second.endings) == [1]
    assert list((tmp_path / "spool").iterdir()) == []


async def test_results_are_kept_without_their_lines_where_there_is_no_room_for_both(
    agent_of, monkeypatch
):
    put, kept = Spool.put, []

    def narrow(spool, finished):
        if finished.lines:
            raise OSError(28, "No space left on device")
        kept.append(finished.job.id)
        return put(spool, finished)

    monkeypatch.setattr(Spool, "put", narrow)
    work = ScriptedWork([{"command": "echo one"}])
    work.trouble = lambda call: away() if call[0] == "log" and not kept else None

    await agent_of(work).run()

    assert (kept, list(work.endings)) == ([1], [1])


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

    assert late.hold(job)
    assert not late.hold(structs.replace(job, fence=2))  # handed out anew: another attempt
    assert not await late.finish(0.01)
