"""Agents as real processes against a real server: jobs done, cancelled, lost, handed back."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter

import pytest

from drover.client import BeaconWork
from drover.client.beacon_work import Ending, Wanted
from examples.serving import serving
from tests.support.beacon_agents import AgentProcess, Jobs, agent, alive, refusal, until

SWEEP_S = 0.5
LEASE_S = 10
SETTINGS = {
    "workers": 1,
    "script_workers": 1,
    "sweep_seconds": SWEEP_S,
    "max_body_bytes": 262_144,
    "beacon_lost_seconds": 3,
}
HANDLERS = ("--handlers", "tests.acceptance.beacon_functions")
STUBBORN = "trap '' TERM INT HUP; echo $$; sleep 1000 & echo $!; while :; do sleep 0.1; done"


class World:
    """A server, a user's key and a beacon's."""

    def __init__(self, server):
        self.server = server
        self.url = server.url
        self.userkey = self._key("user")
        self.beaconkey = self._key("beacon")
        self.jobs = Jobs(self.url, self.userkey)

    def _key(self, role):
        return server_key(self.server, role)

    def agent(self, folder, *words):
        return agent(self.url, self.beaconkey, folder / "spool", *words)


def server_key(server, role):
    return server.client.post("/me/keys", {"name": role, "role": role})["userkey"]


@pytest.fixture(scope="module")
def world():
    with serving(**SETTINGS) as server:
        made = World(server)
        with made.jobs:
            yield made


@pytest.fixture(scope="module")
def steady(world, tmp_path_factory) -> AgentProcess:
    """An agent that takes the jobs of the beacon "steady" all the time, two at once."""
    folder = tmp_path_factory.mktemp("steady")
    words = ("--name", "steady", "--concurrency", "2", *HANDLERS)
    with world.agent(folder, *words) as running:
        yield running


@pytest.fixture
def jobs(world):
    return world.jobs


def test_each_kind_of_task_is_done_in_order_and_told(world, steady, jobs):
    job_id = jobs.add(
        {"command": "echo one; echo two >&2", "name": "say"},
        {"command": ["sh", "-c", "echo $COLOUR > kept"], "env": {"COLOUR": "red"}},
        {"command": "cat kept"},
        {"http": f"{world.url}/health", "expected_status": 200},
        {
            "http": f"{world.url}/nothing",
            "method": "POST",
            "body": {"a": 1},
            "expected_status": 404,
        },
        {"python": "test.sum", "input": [1, 2, 3]},
        {"python": "test.later", "input": "x"},
        beacon="steady",
    )

    job = jobs.ended(job_id)

    assert (job.status, job.error, job.cur_task) == ("complete", None, 7)
    assert job.start_time is not None
    assert [r["task"] for r in job.result] == [1, 2, 3, 4, 5, 6, 7]
    assert {r["status"] for r in job.result} == {"succeeded"}
    say, _, kept, health, missing, total, later = job.result
    assert (say["name"], say["output"], say["exit_code"]) == ("say", "one\ntwo\n", 0)
    assert kept["output"] == "red\n"
    assert (health["http_status"], missing["http_status"]) == (200, 404)
    assert (total["value"], later["value"]) == ({"sum": 6}, "x")
    assert all(r["duration_ms"] >= 0 for r in job.result)
    assert jobs.lines(job_id)[:3] == ["one", "two", "red"]


@pytest.mark.parametrize(
    ("task", "status", "reason"),
    [
        ({"command": "exit 4"}, "failed", "status 4"),
        ({"command": "sleep 100", "timeout": 0.3}, "timed_out", "longer than 0.3 s"),
        ({"command": "trap '' TERM; sleep 100", "timeout": 0.3}, "timed_out", "longer than"),
        ({"command": "x", "cwd": "/no/such/place"}, "failed", "cannot be started"),
        ({"http": "http://127.0.0.1:1/"}, "failed", "request failed"),
        ({"http": "no address"}, "failed", "request failed"),
        ({"http": "ftp://127.0.0.1/x"}, "failed", "request failed"),
        ({"http": "http://127.0.0.1:1/", "headers": {"A": "b\r\nC: d"}}, "failed", "failed"),
        ({"http": "http://127.0.0.1:1/", "headers": {"A": "\u2713"}}, "failed", "failed"),
        ({"python": "test.raise"}, "failed", "ValueError: not today"),
        ({"python": "test.hang", "input": 2, "timeout": 0.3}, "timed_out", "longer"),
        ({"python": "nobody"}, "failed", "No handler"),
        ({"dance": True}, "failed", "exactly one of"),
        ({"command": {"a": []}}, "failed", "malformed"),
        ({"command": "echo \U0001f600 \u0000"}, "failed", "cannot be started"),
    ],
)
def test_what_does_not_go_well_says_why(steady, jobs, task, status, reason):
    job = jobs.ended(jobs.add(task, {"command": "echo never"}, beacon="steady"))

    assert (job.status, job.result[0]["status"]) == ("failed", status)
    assert reason in job.result[0]["error"]
    assert job.error.startswith("task 1: ")
    assert job.result[1] == {"task": 2, "status": "skipped"}


def test_an_output_without_end_is_cut_in_log_and_result(steady, jobs):
    job_id = jobs.add({"command": "yes 'a line of output' | head -c 20000000"}, beacon="steady")

    job = jobs.ended(job_id)

    assert job.status == "complete"
    assert job.result[0]["output_bytes"] == 20_000_000
    assert len(job.result[0]["output"]) == 16_384
    assert len(json.dumps(jobs.lines(job_id))) < 1_500_000


def test_bytes_that_are_no_text_reach_the_server_as_text(steady, jobs):
    job_id = jobs.add({"command": r"printf 'a\000b\377\n\033[31mred\n'"}, beacon="steady")

    assert jobs.ended(job_id).result[0]["output"] == "a\ufffdb\ufffd\n\x1b[31mred\n"
    assert jobs.lines(job_id) == ["a\ufffdb\ufffd", "\x1b[31mred"]


def test_results_that_the_server_finds_too_large_are_cut_and_the_job_fails(steady, jobs):
    job = jobs.ended(jobs.add({"python": "test.large", "input": 300_000}, beacon="steady"))

    assert job.status == "failed"
    assert "too large" in job.error
    assert job.result[0]["status"] == "succeeded"
    assert "value" not in job.result[0]


@pytest.mark.parametrize("command", ["echo $$; sleep 1000 & echo $!; wait", STUBBORN])
def test_a_cancel_is_obeyed_within_seconds_and_nothing_is_left(steady, jobs, command):
    job_id = jobs.add({"command": command}, {"command": "echo never"}, beacon="steady")
    pids = jobs.pids(job_id, 2)
    began_s = time.monotonic()

    asked = jobs.cancel(job_id)
    job = jobs.ended(job_id)

    assert asked.cancel_requested
    assert time.monotonic() - began_s < 30
    assert job.status == "canceled"
    assert [r["status"] for r in job.result] == ["canceled"]
    until(lambda: not any(map(alive, pids)))


def test_a_job_is_seen_and_cancelled_in_the_inventory_of_all_jobs(world, steady, jobs):
    job_id = jobs.add({"command": "echo $$; sleep 1000"}, beacon="steady")
    (pid,) = jobs.pids(job_id, 1)

    seen = world.server.client.get(f"/ws/v1/jobs/inventory/{job_id}")
    world.server.client._send("PUT", f"/ws/v1/jobs/cancel/{job_id}", query={})

    assert (seen["id"], seen["status"]) == (job_id, "in_progress")
    assert jobs.ended(job_id).status == "canceled"
    until(lambda: not alive(pid))


def test_a_waiting_job_is_cancelled_at_once_and_never_run(steady, jobs):
    job_id = jobs.add({"command": "echo never"}, beacon="nobody takes these")

    assert jobs.cancel(job_id).status == "canceled"
    assert refusal(lambda: jobs.cancel(jobs.add(beacon="steady", queue=False) + 1)).status == 404


def test_an_agent_that_is_killed_loses_its_job_to_another_and_one_that_lives_keeps_it(
    world, steady, jobs, tmp_path
):
    long_id = jobs.add({"command": f"sleep {LEASE_S + 2}"}, beacon="steady")
    job_id = jobs.add({"command": "echo $$; test $DROVER_ATTEMPT = 1 || sleep 1000"}, beacon="kill")
    with world.agent(tmp_path / "first", "--name", "kill") as first:
        (pid,) = jobs.pids(job_id, 1)
        before = jobs.show(job_id)
        first.end(signal.SIGKILL)
    killed_s = time.monotonic()
    until(lambda: not alive(pid))

    with world.agent(tmp_path / "second", "--name", "kill"):
        job = jobs.ended(job_id)
    taken_s = time.monotonic() - killed_s

    assert (job.status, job.attempts) == ("complete", 1)
    assert job.worker != before.worker
    assert taken_s < LEASE_S + 2 * SWEEP_S + 40  # the rest is for a machine that is busy
    with BeaconWork(world.url, world.beaconkey, before.worker) as late:
        refused = refusal(lambda: late.end(before, Ending(results=[{"late": True}])))
    assert refused.status == 409
    assert jobs.show(job_id).result == job.result
    kept = jobs.ended(long_id)
    assert (kept.status, kept.attempts) == ("complete", 0)


def test_fifty_jobs_over_three_agents_are_done_once_each(world, jobs, tmp_path):
    done = tmp_path / "done"
    task = {"command": f"echo $DROVER_JOB_ID >> {done}"}
    numbers = [jobs.add(task, beacon="many") for _ in range(50)]
    words = ("--name", "many", "--concurrency", "2")
    folders = [tmp_path / name for name in "abc"]
    with (
        world.agent(folders[0], *words),
        world.agent(folders[1], *words),
        world.agent(folders[2], *words),
    ):
        found = [jobs.ended(number) for number in numbers]

    assert Counter(map(int, done.read_text().split())) == Counter(numbers)
    assert {job.status for job in found} == {"complete"}
    assert {job.attempts for job in found} == {0}


def test_once_does_one_job_and_says_whether_it_went_well(world, jobs, tmp_path):
    words = ("--name", "once", "--once")
    with world.agent(tmp_path / "none", *words) as none:
        assert none.process.wait(60) == 0
    good, bad = jobs.add({"command": "true"}, beacon="once"), None

    with world.agent(tmp_path / "good", *words) as first:
        assert first.process.wait(60) == 0
    bad = jobs.add({"command": "false"}, beacon="once")
    left = jobs.add({"command": "true"}, beacon="once")
    with world.agent(tmp_path / "bad", *words) as second:
        assert second.process.wait(60) == 1

    assert [jobs.show(number).status for number in (good, bad, left)] == [
        "complete",
        "failed",
        "queued",
    ]


def test_told_to_stop_an_agent_ends_what_it_does_and_takes_no_more(world, jobs, tmp_path):
    with world.agent(tmp_path, "--name", "drain") as running:
        job_id = jobs.add({"command": "echo begun; sleep 2; echo over"}, beacon="drain")
        jobs.when(job_id, lambda job: job.status == "running")
        next_id = jobs.add({"command": "true"}, beacon="drain")

        assert running.end(signal.SIGTERM) == 0

    assert jobs.show(job_id).status == "complete"
    assert jobs.show(next_id).status == "queued"


def test_what_does_not_end_in_time_is_handed_back_and_done_by_another(world, jobs, tmp_path):
    task = {"command": f"test -e {tmp_path}/again || {{ echo $$; sleep 1000; }}"}
    with world.agent(tmp_path / "first", "--name", "back", "--drain", "0.5") as first:
        job_id = jobs.add(task, beacon="back")
        (pid,) = jobs.pids(job_id, 1)
        assert first.end(signal.SIGTERM) == 0
    (tmp_path / "again").touch()

    handed_back = jobs.show(job_id)
    with world.agent(tmp_path / "second", "--name", "back"):
        job = jobs.ended(job_id)

    assert (handed_back.status, handed_back.attempts) == ("queued", 0)
    until(lambda: not alive(pid))
    assert (job.status, job.attempts) == ("complete", 0)


def test_a_second_signal_does_not_wait_for_anything(world, jobs, tmp_path):
    with world.agent(tmp_path, "--name", "hurry", "--drain", "1000") as running:
        job_id = jobs.add({"command": STUBBORN}, beacon="hurry")
        pids = jobs.pids(job_id, 2)
        running.process.send_signal(signal.SIGTERM)
        until(lambda: "draining" in running.log)
        began_s = time.monotonic()

        assert running.end(signal.SIGTERM) == 0

    assert time.monotonic() - began_s < 40
    until(lambda: not any(map(alive, pids)))
    assert jobs.show(job_id).status == "queued"


def test_an_agent_that_waits_stops_at_once(world, tmp_path):
    with world.agent(tmp_path, "--name", "idle", "--wait", "60") as running:
        until(lambda: any("idle" in each.names for each in world.jobs.beacons()))
        began_s = time.monotonic()

        assert running.end(signal.SIGTERM) == 0

    assert time.monotonic() - began_s < 30  # it would have waited for a minute


def test_kinds_that_are_not_allowed_are_refused_by_the_agent(world, jobs, tmp_path):
    with world.agent(tmp_path, "--name", "careful", "--allow", "http"):
        job = jobs.ended(jobs.add({"command": "echo no"}, beacon="careful"))

    assert job.status == "failed"
    assert "does no command tasks" in job.error


def test_jobs_that_ask_for_labels_go_to_who_has_them(world, jobs, tmp_path):
    wanted = jobs.add({"command": "true"}, beacon="label", labels=["gpu"])
    plain = jobs.add({"command": "true"}, beacon="label")

    with world.agent(tmp_path / "a", "--name", "label"):
        assert jobs.ended(plain).status == "complete"
        assert jobs.show(wanted).status == "queued"
    with world.agent(tmp_path / "b", "--name", "label", "--labels", "gpu,big"):
        assert jobs.ended(wanted).status == "complete"


def test_workers_are_seen_at_work_draining_and_lost(world, jobs, tmp_path):
    def seen():
        return next((each for each in jobs.beacons() if "seen" in each.names), None)

    with world.agent(tmp_path, "--name", "seen", "--labels", "x", "--drain", "1000") as running:
        job_id = jobs.add({"command": "sleep 1000"}, beacon="seen")
        at_work = until(lambda: found if (found := seen()) and found.jobs else None)
        running.process.send_signal(signal.SIGTERM)
        until(lambda: seen().status == "draining")
        running.end(signal.SIGKILL)
        until(lambda: seen().status == "lost")

    assert (at_work.status, at_work.labels, at_work.jobs) == ("alive", ["x"], [job_id])
    assert at_work.version
    jobs.cancel(job_id)


def test_the_key_is_in_no_log_and_no_environment(world, jobs, tmp_path):
    with world.agent(tmp_path, "--name", "secret", *HANDLERS) as running:
        job_id = jobs.add({"command": "env; cat /proc/self/environ"}, beacon="secret")
        job = jobs.ended(job_id)
        told = running.log + json.dumps(job.result) + json.dumps(jobs.lines(job_id))
        kept = [path.read_text() for path in running.spool.rglob("*") if path.is_file()]

    assert "DROVER_JOB_ID" in told
    assert world.beaconkey not in told + "".join(kept)
    assert "USERKEY" not in told


def test_a_key_that_is_not_good_ends_the_agent_in_a_line(world, tmp_path):
    with agent(world.url, "not-a-key", tmp_path / "spool") as running:
        assert running.process.wait(60) == 1

    assert "401" in running.log
    assert "Traceback" not in running.log


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--name", "a\x1b[31mb"), "printable"),
        (("--concurrency", "0"), "concurrency must be from 1"),
        (("--allow", "shell"), "allow must name some of"),
        (("--handlers", "no.such.module"), "cannot be loaded"),
    ],
)
def test_settings_that_cannot_be_end_the_agent_in_a_line(world, tmp_path, words, reason):
    with world.agent(tmp_path, *words) as running:
        assert running.process.wait(60) == 1

    assert reason in running.log
    assert "Traceback" not in running.log


def test_a_spool_with_a_file_that_was_cut_does_not_stop_an_agent(world, jobs, tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "1-cut.json").write_text('{"url": "http')
    with world.agent(tmp_path, "--name", "cut"):
        assert jobs.ended(jobs.add({"command": "true"}, beacon="cut")).status == "complete"

    assert (spool / "broken" / "1-cut.json").exists()


def test_a_worker_that_went_away_while_waiting_is_given_no_job(world, jobs, tmp_path):
    with world.agent(tmp_path, "--name", "gone", "--wait", "60") as running:
        until(lambda: any("gone" in each.names for each in jobs.beacons()))
        running.end(signal.SIGKILL)
    time.sleep(0.5)

    job_id = jobs.add({"command": "true"}, beacon="gone")

    with BeaconWork(world.url, world.beaconkey, "another") as work:
        taken = work.take_next(Wanted(names=("gone",), wait_s=10))
    assert taken is not None
    assert (taken.id, taken.attempts) == (job_id, 0)
